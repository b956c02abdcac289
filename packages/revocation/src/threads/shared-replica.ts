import { revocationError } from "../errors.ts";
import { resolveReplicaOptions } from "../replica/create-replica.ts";
import { FeedReplica } from "../replica/feed-replica.ts";
import type { Replica, ReplicaOptions } from "../replica/replica.ts";
import { Publisher, type ReaderInit } from "./publisher.ts";
import { Sharing } from "./sharing.ts";
import { threadClock } from "./thread-clock.ts";

export interface SharedReplica extends Replica {
  /**
   * Returns what one thread starts from, at any time: `new Worker(file, { workerData: init, transferList: [init.port] })`.
   */
  attach(): ReaderInit;
  /** Threads that are attached and have not ended. */
  readonly readers: number;
}

/**
 * Returns a replica for all threads, with the options of `createReplica`; a clock that is given must be the same in all
 * threads.
 */
export function createSharedReplica(options: Omit<ReplicaOptions, "createIndex">): SharedReplica {
  return new SharedFeedReplica(options);
}

class SharedFeedReplica extends FeedReplica implements SharedReplica {
  readonly #publisher: Publisher;

  constructor(options: ReplicaOptions) {
    const publisher = new Publisher();
    const sharing = new Sharing(publisher, { ...options, clock: options.clock ?? threadClock });
    super(resolveReplicaOptions(sharing.options));
    this.#publisher = publisher;
    sharing.follow(this);
  }

  get readers(): number {
    return this.#publisher.readers;
  }

  attach(): ReaderInit {
    if (this.state === "closed") throw revocationError("replica_closed");
    return this.#publisher.attach();
  }

  override async close(): Promise<void> {
    const closed = super.close();
    this.#publisher.close();
    await closed;
  }
}
