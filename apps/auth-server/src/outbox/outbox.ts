/**
 * Delivers what is in the outbox. Any server on the database takes what is due: it claims a row for a time, tries, and notes how it
 * went. The claim of a server that was killed runs out, and another takes the row. So each is delivered at least once.
 *
 * Nobody waits for it: endings are committed and enforced before anything is sent, and parties do not wait for each other (allot.ts).
 */
import { every } from "@portcullis/feed-server";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import { newIdentifier, type RandomBytes } from "../secrets/identifiers.ts";
import type { Storage } from "../storage/storage.ts";
import type { OutboxTable } from "../storage/tables/outbox.ts";
import { allot, MAX_UNDER_WAY } from "./allot.ts";
import { type Claim, claimDue, dueRecipients, forgetClaims, settle } from "./claims.ts";
import type { Delivery, Outcome, Send } from "./delivery.ts";
import { MAX_TRIES, waitAfter } from "./next-try.ts";
import { type Recipients, recipientsOf } from "./recipients.ts";

export interface OutboxOptions {
  readonly storage: Pick<Storage, "read" | "readKept" | "write" | "dialect"> & {
    readonly log: Pick<Storage["log"], "subscribe">;
  };
  readonly send: Readonly<Record<OutboxTable["kind"], Send>>;
  readonly clock: Clock;
  readonly setTimer: SetTimer;
  readonly clockSkewSeconds: number;
  readonly randomBytes: RandomBytes;
  readonly operatorLog: Log;
}

export interface OutboxCounters {
  delivered: number;
  failed: number;
  dead: number;
  /** Of those that were delivered: from what they tell to their answer, in sum. */
  deliveredAfterMs: number;
}

/** Also what nobody woke it for: a retry that is due, what another server left, what a bulk ending brings. */
const LOOK_MS = 1000;
const GATHERING_MS = 10;
/** Longer than a try may take. Clocks of servers may differ by the skew on top of it. */
const CLAIM_MS = 30_000;
const MAX_ERROR_CHARACTERS = 300;

export class Outbox {
  readonly counters: OutboxCounters = { delivered: 0, failed: 0, dead: 0, deliveredAfterMs: 0 };
  readonly #options: OutboxOptions;
  readonly #underWay = new Map<string, Promise<void>>();
  readonly #running = new Map<string, number>();
  readonly #failing = new Set<string>();
  readonly #closing = new AbortController();
  readonly #settled = new Set<() => void>();
  #stop: () => Promise<void> = async () => undefined;
  #cancelWaking: (() => void) | undefined;
  #looking: Promise<void> | undefined;
  #isAsked = false;
  #isUnreadable = false;
  #lastServed: string | undefined;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** From now on it delivers. What a killed server had begun on SQLite is due again: there is no other that could have it. */
  async start(): Promise<void> {
    const { storage, clock } = this.#options;
    if (storage.dialect === "sqlite") await storage.write((transaction) => forgetClaims(transaction, clock));
    // Whatever ends has its record in the log.
    const unsubscribe = storage.log.subscribe(() => this.#wakeSoon());
    const stop = every(LOOK_MS, () => this.wake());
    this.#stop = async () => {
      unsubscribe();
      this.#cancelWaking?.();
      await stop();
    };
    this.wake();
  }

  wake(): void {
    void this.#look();
  }

  /** Thousands of records a second are no reason to look as often. */
  #wakeSoon(): void {
    this.#cancelWaking ??= this.#options.setTimer(() => {
      this.#cancelWaking = undefined;
      this.wake();
    }, GATHERING_MS);
  }

  /** Resolves once all that was due has been tried. */
  async deliverDue(): Promise<void> {
    await this.#look();
    while (this.#underWay.size > 0) {
      await Promise.all(this.#underWay.values());
      await this.#look();
    }
  }

  /**
   * Who is told of what has this place in the log, and how far that is. Waits for so long until each has been tried once: who does not answer
   * holds nobody up for longer.
   */
  async recipientsOf(seq: number, waitMs: number, signal?: AbortSignal): Promise<Recipients["lines"]> {
    const { storage, clock } = this.#options;
    const until = clock.monotonicMs() + waitMs;
    for (;;) {
      const { lines, isBeingTried } = await recipientsOf(storage.readKept, seq);
      const leftMs = until - clock.monotonicMs();
      if (!isBeingTried || leftMs <= 0 || signal?.aborted === true || this.#closing.signal.aborted)
        return lines;
      await this.#nextSettled(leftMs);
    }
  }

  /** What is under way is given up, and due again at once. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#stop();
    await this.#looking;
    await Promise.all(this.#underWay.values());
  }

  /** One at a time; whoever asks meanwhile is answered by one more. */
  #look(): Promise<void> {
    this.#isAsked = true;
    this.#looking ??= this.#lookWhileAsked().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #lookWhileAsked(): Promise<void> {
    while (this.#isAsked && !this.#closing.signal.aborted) {
      this.#isAsked = false;
      try {
        await this.#begin();
        this.#isUnreadable = false;
      } catch (error) {
        // Said once, and not each second: the storage says the rest.
        if (!this.#isUnreadable) this.#options.operatorLog.warn({ event: "outbox_not_read", error });
        this.#isUnreadable = true;
      }
    }
  }

  async #begin(): Promise<void> {
    if (this.#underWay.size >= MAX_UNDER_WAY) return;
    const { storage, clock, clockSkewSeconds, randomBytes } = this.#options;
    const now = clock.wallMs();
    const recipients = await dueRecipients(storage.read, now);
    const after = this.#lastServed;
    const allotted = allot({ recipients, running: this.#running, failing: this.#failing, after });
    if (allotted.size === 0) return;
    const claim: Claim = {
      token: newIdentifier(randomBytes),
      now,
      until: now + CLAIM_MS + clockSkewSeconds * 1000,
      skipsLocked: storage.dialect === "postgres",
    };
    const claimed = await storage.write((transaction) => claimDue(transaction, allotted, claim));
    for (const delivery of claimed) this.#run(delivery);
    this.#lastServed = claimed.at(-1)?.recipient ?? after;
  }

  #run(delivery: Delivery): void {
    const { id, recipient } = delivery;
    this.#running.set(recipient, (this.#running.get(recipient) ?? 0) + 1);
    const trying = this.#try(delivery).finally(() => {
      this.#underWay.delete(id);
      const left = this.#running.get(recipient)! - 1;
      if (left === 0) this.#running.delete(recipient);
      else this.#running.set(recipient, left);
      for (const tell of this.#settled) tell();
      this.wake();
    });
    this.#underWay.set(id, trying);
  }

  async #try(delivery: Delivery): Promise<void> {
    const outcome = await this.#outcomeOf(delivery);
    try {
      await this.#note(delivery, outcome);
    } catch (error) {
      // Its claim runs out, and it is tried once more.
      this.#options.operatorLog.warn({ event: "delivery_not_noted", recipient: delivery.recipient, error });
    }
  }

  /** Undefined: it was given up, since the server closes. */
  async #outcomeOf(delivery: Delivery): Promise<Outcome | undefined> {
    const { signal } = this.#closing;
    try {
      return await this.#options.send[delivery.kind](delivery, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      this.#options.operatorLog.warn({ event: "delivery_not_tried", recipient: delivery.recipient, error });
      return { state: "failed", error: "this server could not try it: see its log" };
    }
  }

  async #note(delivery: Delivery, outcome: Outcome | undefined): Promise<void> {
    const { storage, clock } = this.#options;
    const now = clock.wallMs();
    const noted = await storage.write((transaction) =>
      settle(transaction, delivery, this.#changeAfter(delivery, outcome, now)),
    );
    // Another server has it by now, or an operator has dropped it.
    if (!noted || outcome === undefined) return;
    this.#count(delivery, outcome, now);
  }

  #changeAfter({ attempts }: Delivery, outcome: Outcome | undefined, now: number) {
    if (outcome === undefined) return { state: "pending", attempts: attempts - 1, next_at: now } as const;
    if (outcome.state === "superseded") return undefined;
    if (outcome.state !== "failed")
      return { state: outcome.state, settled_at: now, last_error: null } as const;
    const failed = { last_error: outcome.error.slice(0, MAX_ERROR_CHARACTERS) };
    if (attempts >= MAX_TRIES) return { ...failed, state: "dead", settled_at: now } as const;
    return { ...failed, state: "pending", next_at: now + waitAfter(attempts, this.#random()) } as const;
  }

  #count(delivery: Delivery, outcome: Outcome, now: number): void {
    const { recipient, attempts, kind } = delivery;
    const { counters } = this;
    if (outcome.state === "delivered") {
      counters.delivered++;
      counters.deliveredAfterMs += now - delivery.created_at;
      this.#failing.delete(recipient);
    }
    if (outcome.state !== "failed") return;
    counters.failed++;
    this.#failing.add(recipient);
    if (attempts < MAX_TRIES) return;
    counters.dead++;
    const { error } = outcome;
    this.#options.operatorLog.error({
      event: "delivery_dead",
      kind,
      recipient,
      attempts,
      why: error,
      text: DEAD,
    });
  }

  #random(): number {
    return Buffer.from(this.#options.randomBytes(4)).readUInt32BE() / 2 ** 32;
  }

  /** Another server may settle it: then it is seen by looking again. */
  #nextSettled(mostMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        cancel();
        this.#settled.delete(done);
        resolve();
      };
      const cancel = this.#options.setTimer(done, Math.max(1, Math.min(mostMs, LOOK_AGAIN_MS)));
      this.#settled.add(done);
    });
  }
}

const LOOK_AGAIN_MS = 250;

const DEAD =
  "it was tried as often as it may be. Mend what is wrong there, then: portcullis deliveries list, portcullis deliveries replay";
