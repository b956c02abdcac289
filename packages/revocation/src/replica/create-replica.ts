import { systemTimer } from "../timers.ts";
import { FeedReplica } from "./feed-replica.ts";
import type { Replica, ReplicaOptions, ResolvedReplicaOptions } from "./replica.ts";

export function createReplica(options: ReplicaOptions): Replica {
  return new FeedReplica(resolveReplicaOptions(options));
}

export function resolveReplicaOptions(options: ReplicaOptions): ResolvedReplicaOptions {
  return {
    monotonicMs: () => performance.now(),
    nowSeconds: () => Date.now() / 1000,
    setTimer: systemTimer,
    random: Math.random,
    log: () => {},
    ...options,
  };
}
