export { type Configuration, parseConfiguration, resolveConfiguration } from "./config/load.ts";
export { createReport, type Report, type ReportedEvent } from "./logging/report.ts";
export { type AuthServer, type AuthServerOptions, createAuthServer } from "./server.ts";
