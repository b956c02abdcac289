export type { Config } from "./config.ts";
export { createWebApp, type WebAppOptions } from "./server.ts";
