import type { Receipt } from "@portcullis/protocol";
import { History } from "./checks/history.ts";
import {
  checkDecision,
  checkIndex,
  checkInvariants,
  KnownCoordinates,
  type Observed,
} from "./checks/invariants.ts";
import { HONEST, type Mutations } from "./checks/mutations.ts";
import { checkEnd } from "./checks/recovery.ts";
import { Violation } from "./checks/violation.ts";
import { causeFault, heal, type Surroundings } from "./faults.ts";
import { type Profile, profileFrom } from "./profile.ts";
import { type Liar, planLies } from "./redis/liar.ts";
import { SimulatedRedis } from "./redis/simulated-redis.ts";
import type { DataFolder } from "./server/data-file.ts";
import { ServerMachine } from "./server/server-machine.ts";
import type { VerifierLife } from "./verifier-life.ts";
import { VerifierMachine } from "./verifier-machine.ts";
import { Workload } from "./workload.ts";
import { Link } from "./world/link.ts";
import { NodeClock } from "./world/node-clock.ts";
import { Schedule } from "./world/schedule.ts";
import { type SeededRandom, seededRandom } from "./world/seeded-random.ts";
import { Trace } from "./world/trace.ts";

export interface Outcome {
  readonly seed: number;
  /** Of everything that happened: a replay has the same. */
  readonly digest: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly violation?: { readonly invariant: string; readonly detail: string };
  readonly trace: readonly string[];
}

/** Longer than any back-off, time limit and lease together. */
const RECOVERY_MS = 35_000;

export async function simulate(options: {
  readonly seed: number;
  readonly folder: DataFolder;
  readonly mutations?: Mutations;
  /** Whether verifiers read the stream out of a Redis to which somebody writes who lies; default false. */
  readonly lyingRedis?: boolean;
  /** How much of what led to a violation is kept. */
  readonly traceLines?: number;
}): Promise<Outcome> {
  const { seed, folder, mutations = HONEST, lyingRedis = false, traceLines = 40 } = options;
  const file = await folder.fileFor(`run-${seed}`);
  const run = new Run({ seed, file, mutations, lyingRedis, traceLines });
  try {
    return await run.finish();
  } finally {
    await run.stop();
    folder.forget(file);
  }
}

class Run {
  readonly #seed: number;
  readonly #random: SeededRandom;
  readonly #profile: Profile;
  readonly #trace: Trace;
  readonly #schedule: Schedule;
  readonly #history: History;
  readonly #known = new KnownCoordinates();
  readonly #compared = new WeakMap<VerifierLife, number>();
  readonly #surroundings: Surroundings;
  readonly #redis: SimulatedRedis | undefined;
  readonly #workload: Workload;
  #enforcedSeq = 0;
  #violation: Violation | undefined;
  #inTurmoil = true;

  constructor(options: {
    readonly seed: number;
    readonly file: string;
    readonly mutations: Mutations;
    readonly lyingRedis: boolean;
    readonly traceLines: number;
  }) {
    const { seed, file, mutations } = options;
    this.#seed = seed;
    this.#trace = new Trace(options.traceLines);
    this.#schedule = new Schedule(this.#trace);
    this.#history = new History(this.#schedule);
    this.#random = seededRandom(seed);
    this.#profile = profileFrom(this.#random);
    this.#redis = options.lyingRedis ? new SimulatedRedis() : undefined;
    this.#surroundings = this.#build(file, mutations);
    this.#workload = new Workload({
      random: this.#random.fork(),
      schedule: this.#schedule,
      history: this.#history,
      profile: this.#profile,
      server: () => this.#surroundings.server.life,
      verifiers: () => this.#lives(),
      onDecision: (verifier, token, decision) => checkDecision(verifier, token, decision, this.#observed()),
      onReceipt: (receipt) => this.#note(receipt),
    });
  }

  async finish(): Promise<Outcome> {
    const { turmoilMs } = this.#profile;
    try {
      await this.#surroundings.server.start();
      for (const [at, machine] of this.#surroundings.verifiers.entries()) machine.startAfter(at * 300);
      this.#workload.begin(turmoilMs);
      this.#planFault();
      if (this.#redis !== undefined) planLies(this.#redis, this.#liar());
      await this.#schedule.runUntil(turmoilMs, () => this.#check());
      this.#inTurmoil = false;
      this.#trace.add("the world heals");
      heal(this.#surroundings);
      await this.#schedule.runUntil(turmoilMs + RECOVERY_MS, () => this.#check());
      await checkEnd(this.#surroundings, this.#history, this.#workload);
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      return this.#outcome(error);
    }
    return this.#outcome(undefined);
  }

  #liar(): Liar {
    const { random, note } = this.#surroundings;
    const everyMs = this.#profile.faultEveryMs / 2;
    return { schedule: this.#schedule, random: random.fork(), everyMs, note, isOver: () => !this.#inTurmoil };
  }

  async stop(): Promise<void> {
    for (const machine of this.#surroundings.verifiers) machine.crash(true);
    await this.#surroundings.server.stop();
  }

  #build(file: string, mutations: Mutations): Surroundings {
    const schedule = this.#schedule;
    const profile = this.#profile;
    const random = this.#random.fork();
    const note = (line: string) => this.#trace.add(`  ${line}`);
    const disk = { delayMs: profile.diskMs };
    const serverClock = new NodeClock(schedule, random);
    const verifiers: VerifierMachine[] = [];
    const server = new ServerMachine({
      file,
      clock: serverClock,
      schedule,
      random: random.fork(),
      disk,
      writableLimitBytes: profile.writableLimitBytes,
      history: this.#history,
      mutations,
      redis: this.#redis,
      links: () => verifiers.map(({ options }) => options.link),
      onViolation: (what) => {
        this.#violation ??= new Violation("nothing acknowledged is lost", what);
      },
    });
    for (let at = 1; at <= profile.verifiers; at++) {
      const link = new Link(profile.link, schedule, random.fork());
      const clock = new NodeClock(schedule, random);
      const own = { name: `verifier-${at}`, clock, link, random: random.fork() };
      const { leaseMs } = profile;
      verifiers.push(
        new VerifierMachine({ ...own, schedule, door: server, leaseMs, mutations, redis: this.#redis, note }),
      );
    }
    return { schedule, random: random.fork(), server, serverClock, verifiers, disk, note };
  }

  #lives(): VerifierLife[] {
    return this.#surroundings.verifiers.flatMap(({ life }) => life ?? []);
  }

  #planFault(): void {
    const at = this.#schedule.now + this.#surroundings.random.exponential(this.#profile.faultEveryMs);
    const work = () => {
      if (!this.#inTurmoil) return;
      causeFault(this.#surroundings);
      this.#planFault();
    };
    this.#schedule.plan({ at, what: "fault", turns: 6, work });
  }

  #observed(): Observed {
    const { now } = this.#schedule;
    const { server, serverClock } = this.#surroundings;
    const enforcedSeq = this.#enforcedSeq;
    return { now, history: this.#history, server: server.life, serverClock, enforcedSeq };
  }

  #check(): void {
    if (this.#violation !== undefined) throw this.#violation;
    checkInvariants(this.#lives(), this.#observed());
    for (const verifier of this.#lives()) {
      if (this.#compared.get(verifier) === verifier.changes) continue;
      this.#compared.set(verifier, verifier.changes);
      checkIndex(verifier, this.#history, this.#known);
    }
  }

  /** Called in the turn in which the server has made the receipt. */
  #note(receipt: Receipt): void {
    const enforce = () => {
      this.#enforcedSeq = Math.max(this.#enforcedSeq, receipt.seq);
      this.#workload.tryRevokedTokens();
    };
    const clock = this.#surroundings.serverClock;
    if (receipt.state === "enforced") {
      enforce();
      return;
    }
    const inMs = clock.trueMs(Date.parse(receipt.enforcedBy!) - clock.wallMs());
    this.#schedule.plan({
      at: this.#schedule.now + inMs,
      what: `${receipt.seq} must be enforced`,
      work: enforce,
    });
  }

  #outcome(violation: Violation | undefined): Outcome {
    return {
      seed: this.#seed,
      digest: this.#trace.digest,
      events: this.#schedule.events,
      simulatedMs: this.#schedule.now,
      counts: { ...this.#workload.counts, records: this.#history.head, fromRedis: this.#redis?.read ?? 0 },
      ...(violation && { violation: { invariant: violation.invariant, detail: violation.message } }),
      trace: this.#trace.latest(),
    };
  }
}
