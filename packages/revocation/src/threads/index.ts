export type { ReaderInit } from "./publisher.ts";
export { createSharedReplica, type SharedReplica } from "./shared-replica.ts";
export { type AttachOptions, attachToReplica, type SharedView } from "./shared-view.ts";
