import { randomBytes } from "node:crypto";
import { silentLog, systemClock, systemTimer } from "@portcullis/protocol";
import { FeedReplica } from "./feed-replica.ts";
import type { Replica, ReplicaOptions, ResolvedReplicaOptions } from "./replica.ts";

const SECRET_BYTES = 32;

/** Returns a replica of the log that the feed carries. It does nothing before `start()`. */
export function createReplica(options: ReplicaOptions): Replica {
  return new FeedReplica(resolveReplicaOptions(options));
}

/** Returns the options with their defaults, also in place of those that are there and undefined. */
export function resolveReplicaOptions(options: ReplicaOptions): ResolvedReplicaOptions {
  return {
    ...options,
    secret: options.secret ?? randomBytes(SECRET_BYTES).toString("base64url"),
    clock: options.clock ?? systemClock,
    setTimer: options.setTimer ?? systemTimer,
    random: options.random ?? Math.random,
    log: options.log ?? silentLog,
    maxEntries: options.maxEntries ?? Number.POSITIVE_INFINITY,
  };
}
