import type { Log, Scope } from "@portcullis/protocol";
import { revocationsError } from "../errors.ts";

const ALARM_SHARE = 0.8;

/** Scopes of single ids: there may be as many of them as there are tokens. Of the others one record covers many. */
const COUNTED: ReadonlySet<Scope> = new Set<Scope>(["token", "session", "grant"]);

export interface LogCapacityOptions {
  readonly log: { head(): number; oldestKept(): number };
  readonly maxLiveRevocations: number;
  readonly operatorLog: Log;
}

/**
 * Keeps the log from growing past what verifiers can hold. Only a caller of the API is refused, and only for single
 * ids: logouts, endings and cutoffs go on, since leaving one out would let a dead token live. What is kept counts as
 * live, so it errs towards the alarm.
 */
export class LogCapacity {
  readonly #options: LogCapacityOptions;
  #isNear = false;

  constructor(options: LogCapacityOptions) {
    this.#options = options;
  }

  /** Throws `log_full`. */
  check(scope: Scope): void {
    const { maxLiveRevocations } = this.#options;
    if (!COUNTED.has(scope) || this.#kept() < maxLiveRevocations) return;
    throw revocationsError("log_full", {
      text: `Nothing was changed: ${maxLiveRevocations} revocations are kept, as many as there may be (maxLiveRevocations). Revoke a subject, a client or more with one record, or try again when some have expired.`,
    });
  }

  /** Called regularly: reports once, until it was below again. */
  watch(): void {
    const { maxLiveRevocations, operatorLog } = this.#options;
    const kept = this.#kept();
    const isNear = kept >= maxLiveRevocations * ALARM_SHARE;
    if (isNear && !this.#isNear)
      operatorLog.warn({ event: "revocations_near_capacity", kept, maxLiveRevocations });
    this.#isNear = isNear;
  }

  #kept(): number {
    const { log } = this.#options;
    return log.head() - log.oldestKept() + 1;
  }
}
