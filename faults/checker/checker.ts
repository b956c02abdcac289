import type { Clock, Receipt } from "@portcullis/protocol";
import type { Observation, Revocation, Rule, Violation } from "./words.ts";

/** A lease counts a thousandth longer at the server than at its verifier; the rest is for rounding. */
const DRIFT_ALLOWANCE = 1e-3;
const ROUNDING_MS = 5;
const VIOLATIONS_KEPT = 20;

export interface CheckerOptions {
  readonly leaseMs: number;
  /** The wall clock only turns `enforcedBy` into a time of the monotonic one. */
  readonly clock: Clock;
}

/** What a fault makes true that is not a violation. */
export interface Allowances {
  /** A verifier whose clock is wrong takes a live token for expired, or for not yet valid: without a reason. */
  readonly wrongClockAt?: string;
  /** The servers' wall clocks differ from ours: `enforcedBy` says nothing. The bound of the lease still holds. */
  readonly ignoreEnforcedBy?: boolean;
}

/**
 * Judges every answer of a gateway. Fails towards silence nowhere: a request counts as sent before its first byte is
 * written, a receipt as received after its last byte was read, so that "later" is later on any clock.
 */
export class Checker {
  allowances: Allowances = {};
  readonly violations: Violation[] = [];
  violationCount = 0;
  readonly #options: CheckerOptions;

  constructor(options: CheckerOptions) {
    this.#options = options;
  }

  /** The answer of the call that revoked has been read to its end. */
  acknowledged(revocation: Revocation, receipt: Receipt): void {
    const deniedFrom = this.#deniedFrom(receipt);
    revocation.outcome = { state: "acknowledged", receipt, deniedFrom };
  }

  /** Whatever it may have done: nothing is claimed of it, except that a denial once seen is never taken back. */
  unanswered(revocation: Revocation): void {
    revocation.outcome = { state: "unknown" };
  }

  observe(observation: Observation): void {
    if (observation.status === 200) this.#judgeAcceptance(observation);
    if (observation.status === 401) this.#judgeRefusal(observation);
  }

  report(rule: Rule, detail: string): void {
    this.violationCount++;
    if (this.violations.length < VIOLATIONS_KEPT) this.violations.push({ rule, detail });
  }

  /** `enforced` is true when it arrives. Otherwise by `enforcedBy`, and whatever that says, when every lease has ended. */
  #deniedFrom({ state, enforcedBy }: Receipt): number {
    const now = this.#options.clock.monotonicMs();
    if (state === "enforced") return now;
    const leasesEnd = now + this.#options.leaseMs * (1 + DRIFT_ALLOWANCE) + ROUNDING_MS;
    if (enforcedBy === undefined || this.allowances.ignoreEnforcedBy === true) return leasesEnd;
    const promisedMs = Math.max(0, Date.parse(enforcedBy) - this.#options.clock.wallMs());
    return Math.min(leasesEnd, now + promisedMs + ROUNDING_MS);
  }

  #judgeAcceptance({ gateway, token, sentAt }: Observation): void {
    for (const { outcome, target } of token.coveredBy) {
      if (outcome.state !== "acknowledged" || sentAt <= outcome.deniedFrom) continue;
      const { seq, state } = outcome.receipt;
      const lateMs = Math.round(sentAt - outcome.deniedFrom);
      const what = `${gateway} accepted a token of the revoked ${target.scope} (seq ${seq}, ${state})`;
      this.report("accepted after its receipt", `${what} in a request sent ${lateMs} ms too late`);
      return;
    }
    const deniedAt = token.deniedAt.get(gateway);
    if (deniedAt === undefined || sentAt <= deniedAt) return;
    const lateMs = Math.round(sentAt - deniedAt);
    const scopes = token.coveredBy.map(({ target }) => target.scope).join(", ");
    const what = `${gateway} accepted a token (revoked: ${scopes || "never"})`;
    this.report("accepted after a denial", `${what} ${lateMs} ms after it had denied it`);
  }

  #judgeRefusal({ gateway, token, answeredAt, reason }: Observation): void {
    if (reason !== undefined && !token.deniedAt.has(gateway)) token.deniedAt.set(gateway, answeredAt);
    if (token.coveredBy.length > 0) return;
    if (reason === undefined && this.allowances.wrongClockAt === gateway) return;
    const why = reason ?? "no reason given";
    this.report("live token refused", `${gateway} answered 401 (${why}) for a token that nobody revoked`);
  }
}
