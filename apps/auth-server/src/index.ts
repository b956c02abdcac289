/** The log of a process of ours, for whoever runs the server in one of their own. */
export { createLog } from "@portcullis/service";
export { type Configuration, parseConfiguration, resolveConfiguration } from "./config/load.ts";
export { type AuthServer, type AuthServerOptions, createAuthServer } from "./server.ts";
