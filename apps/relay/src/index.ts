export { type Configuration, loadConfiguration, parseConfiguration } from "./config/load-configuration.ts";
export { createReport, type Report } from "./log-line.ts";
export { type Relay, type RelayOptions, startRelay } from "./relay.ts";
