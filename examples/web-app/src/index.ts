export type { Configuration } from "./configuration.ts";
export { createWebApp, type WebAppOptions } from "./server.ts";
