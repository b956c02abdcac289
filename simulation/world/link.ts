import type { Schedule } from "./schedule.ts";
import type { SeededRandom } from "./seeded-random.ts";

export type Direction = "up" | "down";

export interface LinkProfile {
  /** One way, ms. */
  readonly latencyMs: number;
  /** Mean of what comes on top. */
  readonly jitterMs: number;
  /** Of the messages, that take up to seconds. */
  readonly spikes: number;
  /** Of requests, that never arrive, and of answers. */
  readonly loss: number;
  /** Of requests, that a proxy sends twice. */
  readonly repeats: number;
  /** Of pieces of a stream, that come twice or not at all: TCP does neither, a broken relay does both. */
  readonly mangles: number;
}

/** A connection keeps its order; two connections know nothing of each other. */
export interface Carried {
  /** When the newest message of a direction arrives. */
  readonly lastAt: Record<Direction, number>;
  isCut: boolean;
}

/**
 * The way between a verifier and the server ("up" is towards the server). What is sent into a partition is lost,
 * or arrives when it is over: TCP sends again as long as both sides hold the connection.
 */
export class Link {
  profile: LinkProfile;
  readonly #schedule: Schedule;
  readonly #random: SeededRandom;
  /** True time, ms. */
  readonly #downUntil: Record<Direction, number> = { up: 0, down: 0 };
  readonly carried = new Set<Carried & { cut(): void }>();

  constructor(profile: LinkProfile, schedule: Schedule, random: SeededRandom) {
    this.profile = profile;
    this.#schedule = schedule;
    this.#random = random;
  }

  partition(directions: readonly Direction[], ms: number): void {
    for (const direction of directions) this.#downUntil[direction] = this.#schedule.now + ms;
  }

  /** Nothing is lost any more; it stays as slow as it was. */
  heal(): void {
    this.partition(["up", "down"], 0);
    this.profile = { ...this.profile, spikes: 0, loss: 0, repeats: 0, mangles: 0 };
  }

  /** A middlebox, or a server that died: what is on its way is lost, and the verifier's side sees a reset. */
  cutAll(): void {
    for (const connection of [...this.carried]) connection.cut();
  }

  /** Arrives late, in order within its connection; maybe never if `mayBeLost`. */
  carry(options: {
    readonly connection: Carried;
    readonly direction: Direction;
    readonly what: string;
    readonly mayBeLost: boolean;
    readonly arrive: (at: number) => void;
  }): void {
    const { connection, direction, mayBeLost } = options;
    const { now } = this.#schedule;
    const isDown = this.#downUntil[direction] > now;
    if (mayBeLost && this.#random.chance(isDown ? 0.5 : this.profile.loss)) return;
    const sentAt = isDown ? this.#downUntil[direction] + this.#random.between(0, 200) : now;
    const at = Math.max(sentAt + this.#delayMs(), connection.lastAt[direction]);
    connection.lastAt[direction] = at;
    options.arrive(at);
  }

  #delayMs(): number {
    const { latencyMs, jitterMs, spikes } = this.profile;
    const spike = this.#random.chance(spikes) ? this.#random.magnitude(20, 3000) : 0;
    return latencyMs + this.#random.exponential(jitterMs) + spike;
  }
}
