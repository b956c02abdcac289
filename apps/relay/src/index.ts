export { type Configuration, parseConfiguration, relayConfiguration } from "./config/relay-configuration.ts";
export { type Relay, type RelayOptions, startRelay } from "./relay.ts";
