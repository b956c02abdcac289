import { Agent } from "node:http";
import { systemClock } from "@portcullis/protocol";
import type { Bed } from "../bed/bed.ts";
import { Checker } from "../checker/checker.ts";
import type { Revocation, Token } from "../checker/words.ts";
import { Administrator } from "./administrator.ts";
import { type Door, Requests } from "./requests.ts";
import { Revocations } from "./revocations.ts";
import { SignIns } from "./sign-ins.ts";
import { TokenPool } from "./token-pool.ts";

export interface Rates {
  readonly requestsASecond: number;
  readonly revocationsASecond: number;
}

const DEFAULT_RATES: Rates = { requestsASecond: 160, revocationsASecond: 25 };

/** Tokens of the last revocations: what is asked for most. */
const HOT_TOKENS = 120;
const HOT_SHARE = 0.6;

/** Requests with live, dying and dead tokens through all gateways, and revocations, from `start` until `stop`. */
export class Workload {
  readonly checker: Checker;
  readonly requests: Requests;
  readonly revocations: Revocations;
  readonly administrator: Administrator;
  readonly pool: TokenPool;
  readonly signIns: SignIns;
  readonly doors: readonly Door[];
  readonly #rates: Rates;
  readonly #random: () => number;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #hot: Token[] = [];
  readonly #timers: NodeJS.Timeout[] = [];
  #revokes = false;

  constructor(bed: Bed, options: { leaseMs: number; rates?: Rates; random?: () => number }) {
    const { issuer } = bed.addresses;
    const { secrets } = bed;
    this.#rates = options.rates ?? DEFAULT_RATES;
    this.#random = options.random ?? Math.random;
    this.checker = new Checker({ leaseMs: options.leaseMs, clock: systemClock });
    this.requests = new Requests(this.checker);
    this.administrator = new Administrator({ issuer, secrets });
    this.pool = new TokenPool({ issuer, secrets, agent: this.#agent });
    this.signIns = new SignIns(bed.addresses, secrets);
    this.doors = bed.gateways;
    this.revocations = new Revocations({
      checker: this.checker,
      administrator: this.administrator,
      pool: this.pool,
      signIns: this.signIns,
      random: this.#random,
      onSent: (revocation) => this.#heat(revocation),
      onAcknowledged: (revocation) => this.#askAtOnce(revocation),
    });
  }

  start(): void {
    this.pool.start();
    this.#timers.push(
      paced(this.#rates.requestsASecond, () => this.#askOne()),
      paced(this.#rates.revocationsASecond, () => this.#revokes && this.revocations.sendOne()),
    );
  }

  revoke(on: boolean): void {
    this.#revokes = on;
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.pool.stop();
    this.requests.stop();
    this.administrator.stop();
    this.#agent.destroy();
  }

  #heat({ covers }: Revocation): void {
    this.#hot.push(...covers);
    this.#hot.splice(0, this.#hot.length - HOT_TOKENS);
  }

  /** In the moment in which the receipt is there, and in that in which its promise comes due. */
  #askAtOnce({ covers, outcome }: Revocation): void {
    if (outcome.state !== "acknowledged") return;
    const askAll = () => {
      for (const door of this.doors) this.#ask(door, covers[0]!);
    };
    const ahead = outcome.deniedFrom - performance.now();
    setTimeout(askAll, Math.max(0, Math.ceil(ahead) + 1)).unref();
  }

  #askOne(): void {
    const door = this.#pick(this.doors);
    const hot = this.#random() < HOT_SHARE ? this.#pick(this.#hot) : undefined;
    const token = hot ?? this.#pick(this.pool.steady());
    if (door !== undefined && token !== undefined) this.#ask(door, token);
  }

  #ask(door: Door, token: Token): void {
    if (!this.requests.isBusy(door)) void this.requests.ask(door, token);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.#random() * from.length)];
  }
}

const TICK_MS = 10;

/** Calls evenly, at the rate given; what a busy moment misses is not made up for. */
function paced(aSecond: number, work: () => void): NodeJS.Timeout {
  let owed = 0;
  let last = performance.now();
  return setInterval(() => {
    const now = performance.now();
    owed = Math.min(5, owed + ((now - last) * aSecond) / 1000);
    last = now;
    for (; owed >= 1; owed--) work();
  }, TICK_MS);
}
