import { encodeIdentifier, type RevocationRecord } from "@portcullis/protocol";
import { createReplica, type Replica, type ReplicaOptions } from "@portcullis/revocation";
import { leaseSecretOf, type RecordedEvent, RecordedLog } from "@portcullis/testing";
import { FakeTime } from "./fake-time.ts";
import { MemoryLog, START_SECONDS } from "./memory-log.ts";

export const LEASE_MS = 5000;

/** A replica, its log, and the time both live in. */
export class ReplicaWorld {
  readonly time = new FakeTime();
  readonly log = new MemoryLog();
  readonly told = new RecordedLog();
  readonly replica: Replica;

  constructor(leaseMs = LEASE_MS, options: Partial<ReplicaOptions> = {}) {
    this.replica = createReplica({
      feed: this.log.feed,
      name: "gateway-1",
      secret: leaseSecretOf("gateway-1"),
      leaseMs,
      clock: this.time,
      setTimer: this.time.setTimer,
      random: () => 0.5,
      log: this.told,
      ...options,
    });
  }

  /** One that applies only what its log has signed. */
  static signed(options: Partial<ReplicaOptions> = {}): ReplicaWorld {
    const world: ReplicaWorld = new ReplicaWorld(LEASE_MS, {
      verifyHead: (jws) => world.log.verifyHead(jws),
      ...options,
    });
    world.log.signs = true;
    world.log.nowSeconds = () => Math.floor(world.time.wallMs() / 1000);
    return world;
  }

  async started(): Promise<this> {
    this.replica.start();
    await this.time.advance(0);
    return this;
  }

  /** Time passes, and the log sends its heartbeats. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      this.log.heartbeat();
      await this.time.advance(Math.min(1000, left));
    }
  }

  outcome(value: number): string {
    const claims = {
      iss: "i",
      iat: START_SECONDS,
      exp: START_SECONDS + 300,
      rv: 0,
      sid: encodeIdentifier(keyOf(value)),
    };
    return this.replica.verdict(this.replica.coordinatesOf(claims, {})).outcome;
  }

  /** What a strict route would do: an allow counts only while the lease runs. */
  allows(value: number): boolean {
    const { ready, ageMs } = this.replica.freshness();
    return ready && ageMs <= this.replica.leaseMs && this.outcome(value) === "allow";
  }

  revoke(value: number, draft: Partial<RevocationRecord> = {}): void {
    this.log.revoke({ key: keyOf(value), ...draft });
  }

  eventsNamed(name: string): RecordedEvent[] {
    return this.told.named(name);
  }
}

export function keyOf(value: number): Uint8Array {
  const key = new Uint8Array(16).fill(1);
  new DataView(key.buffer).setUint32(0, value);
  return key;
}
