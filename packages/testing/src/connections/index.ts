export * from "./break-off.ts";
export * from "./open-sockets.ts";
export * from "./request-kinds.ts";
