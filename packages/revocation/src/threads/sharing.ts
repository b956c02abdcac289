import { type Clock, decodeBase64url, type SnapshotHeader } from "@portcullis/protocol";
import type { AppliedChange, Replica, ReplicaOptions } from "../replica/replica.ts";
import { RevocationIndex, type RevocationIndexOptions } from "../revocation-index.ts";
import { NO_LEASE } from "./control.ts";
import type { Publisher } from "./publisher.ts";

type TimedOptions = ReplicaOptions & { readonly clock: Clock };

/** What a replica does more when other threads read its index, all of it before it acknowledges. */
export class Sharing {
  readonly #publisher: Publisher;
  readonly #given: TimedOptions;
  #replica: Replica | undefined;
  /** Made for a snapshot that is being loaded. */
  #next: RevocationIndex | undefined;
  #inUse: RevocationIndex | undefined;
  #incarnation: string | undefined;

  constructor(publisher: Publisher, given: TimedOptions) {
    this.#publisher = publisher;
    this.#given = given;
  }

  get options(): TimedOptions {
    const given = this.#given;
    return {
      ...given,
      createIndex: (options) => this.#createIndex(options),
      visible: async () => {
        this.#publisher.publish();
        await given.visible?.();
      },
      onApplied: (change) => {
        given.onApplied?.(change);
        this.#swapIn(change);
      },
      onFreshness: () => {
        this.#shareLease();
        this.#giveBack();
        given.onFreshness?.();
      },
    };
  }

  follow(replica: Replica): void {
    this.#replica = replica;
    replica.subscribe(() => this.#shareLease());
  }

  /** Time is read first: to readers the lease looks older than it is, by what passes in between, and never younger. */
  #shareLease(): void {
    const replica = this.#replica!;
    const now = this.#given.clock.monotonicMs();
    const { ready, ageMs } = replica.freshness();
    const askedAt = ready ? now - ageMs : NO_LEASE.askedAt;
    this.#publisher.grant({ askedAt, leaseMs: replica.leaseMs, clock: replica.clockBounds() });
  }

  #createIndex(options: RevocationIndexOptions): RevocationIndex {
    this.#next = new RevocationIndex({ ...options, shared: true });
    return this.#next;
  }

  #swapIn(change: AppliedChange): void {
    if (change.type !== "snapshot") return;
    this.#endLeaseOfAnotherLog(change.header);
    this.#inUse = this.#next!;
    this.#publisher.replace(this.#inUse, decodeBase64url(change.header.hashKey)!);
    this.#next = undefined;
  }

  /** What another log granted does not hold for this one, and the replica revokes it only after this. */
  #endLeaseOfAnotherLog({ incarnation }: SnapshotHeader): void {
    const replica = this.#replica!;
    const same = incarnation === this.#incarnation && replica.state !== "diverged";
    this.#incarnation = incarnation;
    if (!same) this.#publisher.grant({ ...NO_LEASE, leaseMs: replica.leaseMs });
  }

  /** A writer that is asked nothing and sent nothing still has to drop what has expired, and readers with it. */
  #giveBack(): void {
    this.#inUse?.expire();
    this.#publisher.publish();
  }
}
