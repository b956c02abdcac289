/** A server, a relay and verifiers on one line of real time, each with a clock of its own. Network calls are events. */

import { countedFor, type LeaseHolder, LeaseTable } from "@portcullis/feed-server";
import { hasCode, type LeaseRequest, type LeaseResponse, PortcullisError } from "@portcullis/protocol";
import { leaseSecretOf } from "@portcullis/testing";
import { EnforcedBelow } from "../../src/leases/enforced-below.ts";
import { RelayDesk } from "../../src/leases/relay-desk.ts";

const INCARNATION = "model";

/** Milliseconds that pass for this party while `now` goes by. */
class DriftingClock {
  readonly #world: { now: number };
  readonly #rate: number;
  readonly #offset: number;

  constructor(world: { now: number }, driftPpm: number, offset: number) {
    this.#world = world;
    this.#rate = 1 + driftPpm / 1e6;
    this.#offset = offset;
  }

  readonly monotonicMs = (): number => this.#offset + this.#world.now * this.#rate;
  readonly realOf = (local: number): number => (local - this.#offset) / this.#rate;
}

/** What a replica makes of answers, as packages/revocation's LeaseKeeper does it. */
class Keeper {
  applied = 0;
  readonly clock: DriftingClock;
  readonly #leaseMs: number;
  #waiting: { askedAt: number; head: number; leaseMs: number }[] = [];
  #granted: { askedAt: number; leaseMs: number } | undefined;

  constructor(clock: DriftingClock, leaseMs: number) {
    this.clock = clock;
    this.#leaseMs = leaseMs;
  }

  get leaseMs(): number {
    return this.#granted?.leaseMs ?? this.#leaseMs;
  }

  ageMs(): number {
    return this.#granted === undefined
      ? Number.POSITIVE_INFINITY
      : this.clock.monotonicMs() - this.#granted.askedAt;
  }

  get mayAllow(): boolean {
    return this.ageMs() <= this.leaseMs;
  }

  request(replica: string): LeaseRequest {
    return {
      replica,
      secret: leaseSecretOf(replica),
      incarnation: INCARNATION,
      applied: this.applied,
      leaseMs: this.#leaseMs,
    };
  }

  answered(askedAt: number, { head, leaseMs, ageMs = 0 }: LeaseResponse): void {
    this.#waiting.push({ askedAt: askedAt - ageMs, head, leaseMs: Math.min(leaseMs, this.#leaseMs) });
    this.settle();
  }

  settle(): void {
    for (const answer of this.#waiting) {
      if (answer.head > this.applied) continue;
      if (this.#granted === undefined || answer.askedAt > this.#granted.askedAt) this.#granted = answer;
    }
    this.#waiting = this.#waiting.filter(({ head }) => head > this.applied);
  }
}

export interface ModelSettings {
  readonly driftsPpm: readonly [server: number, relay: number, ...verifiers: number[]];
  readonly relayLeaseMs: number;
  readonly verifierLeaseMs: number;
}

interface Call {
  readonly thereMs: number;
  readonly backMs: number;
  readonly lost: boolean;
}

export type Step = { readonly afterMs: number } & (
  | { readonly do: "commit" }
  | { readonly do: "relay applies" }
  | ({ readonly do: "relay asks" } & Call)
  | { readonly do: "verifier applies"; readonly who: number }
  | { readonly do: "verifier restarts"; readonly who: number }
  | ({ readonly do: "verifier asks"; readonly who: number } & Call)
);

export class LeaseModel {
  now = 0;
  readonly #events: { readonly at: number; readonly work: () => void }[] = [];
  readonly #serverClock: DriftingClock;
  readonly #serverTable: LeaseTable;
  readonly #relay: Keeper;
  readonly #desk: RelayDesk;
  readonly #enforced: EnforcedBelow;
  readonly #verifiers: Keeper[];
  readonly #settings: ModelSettings;
  #head = 0;
  /** How often a verifier held the right to allow when it was looked at: a model that never allows proves nothing. */
  allowed = 0;
  /** Receipts that were given: seqs of which the server would say `enforced`. */
  #enforcedSeqs = new Set<number>();

  constructor(settings: ModelSettings) {
    this.#settings = settings;
    const clocks = settings.driftsPpm.map((ppm, at) => new DriftingClock(this, ppm, 1000 * at + 17));
    const [serverClock, relayClock, ...verifierClocks] = clocks as [DriftingClock, DriftingClock];
    this.#serverClock = serverClock;
    this.#serverTable = new LeaseTable(serverClock);
    this.#relay = new Keeper(relayClock, settings.relayLeaseMs);
    this.#verifiers = verifierClocks.map((clock) => new Keeper(clock, settings.verifierLeaseMs));
    const table = new LeaseTable(relayClock);
    const log = { incarnation: INCARNATION, head: () => this.#relay.applied };
    const never = () => () => undefined;
    this.#enforced = new EnforcedBelow({
      table,
      clock: relayClock,
      head: log.head,
      setTimer: never,
      onRise: never,
    });
    this.#desk = new RelayDesk({
      table,
      clock: relayClock,
      log: () => log,
      own: () => ({ ageMs: this.#relay.ageMs(), leaseMs: this.#relay.leaseMs }),
      signedHead: () => undefined,
      issuerTime: () => undefined,
      leasesPerClient: 100,
      renew: never,
    });
  }

  /** Throws when a verifier may allow what the server says is enforced. */
  run(steps: readonly Step[]): void {
    let at = 0;
    for (const step of steps) {
      at += step.afterMs;
      this.#runUntil(at);
      this.#take(step);
      this.#check();
    }
    this.#runUntil(at + 20_000);
  }

  #take(step: Step): void {
    if (step.do === "commit") this.#head++;
    else if (step.do === "relay applies") this.#apply(this.#relay, this.#head);
    else if (step.do === "relay asks") this.#relayAsks(step);
    else if (step.do === "verifier applies") this.#apply(this.#verifier(step.who), this.#relay.applied);
    else if (step.do === "verifier restarts") this.#restart(step.who);
    else this.#verifierAsks(step);
  }

  #verifier(who: number): Keeper {
    return this.#verifiers[who % this.#verifiers.length]!;
  }

  #apply(keeper: Keeper, available: number): void {
    if (keeper.applied >= available) return;
    keeper.applied++;
    keeper.settle();
  }

  /** Under its old name, from a snapshot that is as old as it can be. */
  #restart(who: number): void {
    const at = who % this.#verifiers.length;
    this.#verifiers[at] = new Keeper(this.#verifiers[at]!.clock, this.#settings.verifierLeaseMs);
  }

  #relayAsks({ thereMs, backMs, lost }: Call): void {
    const askedAt = this.#relay.clock.monotonicMs();
    const request = this.#relay.request("relay");
    const applied = this.#enforced.say(request.applied);
    const holder: LeaseHolder = { clientId: "relay", name: "relay" };
    this.#at(thereMs, () => {
      const { leaseMs } = request;
      const receivedAt = this.#serverClock.monotonicMs();
      const head = this.#head;
      this.#serverTable.grant(holder, {
        secretHash: "relay",
        applied,
        head,
        receivedAt,
        leaseMs: countedFor(leaseMs),
      });
      const answer = { incarnation: INCARNATION, head, leaseMs };
      if (!lost) this.#at(backMs, () => this.#relay.answered(askedAt, answer));
    });
  }

  #verifierAsks(step: Call & { readonly who: number }): void {
    const keeper = this.#verifier(step.who);
    const askedAt = keeper.clock.monotonicMs();
    const request = keeper.request(`verifier-${step.who % this.#verifiers.length}`);
    this.#at(step.thereMs, () => {
      const answer = this.#relayAnswers(request);
      if (answer !== undefined && !step.lost) this.#at(step.backMs, () => keeper.answered(askedAt, answer));
    });
  }

  #relayAnswers(request: LeaseRequest): LeaseResponse | undefined {
    const receivedAt = this.#relay.clock.monotonicMs();
    try {
      return this.#desk.answer({ clientId: "verifier", request, receivedAt });
    } catch (error) {
      if (error instanceof PortcullisError && !hasCode(error, "too_many_leases")) return undefined;
      throw error;
    }
  }

  #at(delayMs: number, work: () => void): void {
    this.#events.push({ at: this.now + delayMs, work });
    this.#events.sort((left, right) => left.at - right.at);
  }

  #runUntil(end: number): void {
    for (;;) {
      const next = Math.min(this.#events[0]?.at ?? end, end);
      this.#checkEndsBefore(next);
      this.now = Math.max(this.now, next);
      if (this.#events[0] === undefined || this.#events[0].at > end) return;
      this.#events.shift()!.work();
      this.#check();
    }
  }

  /** The moments at which the server stops waiting: whoever may still allow then would make a receipt a lie. */
  #checkEndsBefore(end: number): void {
    const seqs = Array.from({ length: this.#head }, (_, at) => at + 1);
    const ends = [...seqs, Number.POSITIVE_INFINITY].flatMap((seq) =>
      this.#serverTable.laggardsOf(seq).map(({ until }) => this.#serverClock.realOf(until)),
    );
    for (const at of [...new Set(ends)].sort((left, right) => left - right)) {
      if (at >= end) return;
      // The next number: exactly at its end a lease still counts nowhere.
      this.now = Math.max(this.now, at + 1e-6);
      this.#check();
    }
  }

  #check(): void {
    for (let seq = 1; seq <= this.#head; seq++) {
      if (this.#serverTable.laggardsOf(seq).length === 0) this.#enforcedSeqs.add(seq);
    }
    const enforced = Math.max(0, ...this.#enforcedSeqs);
    const isHeld = this.#serverTable.held().length > 0;
    for (const [at, { mayAllow, applied }] of this.#verifiers.entries()) {
      if (!mayAllow) continue;
      this.allowed++;
      if (applied < enforced) {
        throw new Error(`at ${this.now} verifier ${at} may allow at ${applied}, and ${enforced} is enforced`);
      }
      if (!isHeld) throw new Error(`at ${this.now} verifier ${at} may allow, and the server holds no lease`);
    }
  }
}
