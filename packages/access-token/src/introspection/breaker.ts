/**
 * Leaves an issuer alone that fails: after some failures in a row nobody is let through for a while, then one is, to see whether it works
 * again. Without it each request would wait its whole time limit for an answer that does not come, and a struggling issuer
 * would get more questions and not fewer.
 */
import { type Clock, type Log, PortcullisError } from "@portcullis/protocol";

interface BreakerOptions {
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly log: Log;
  /** Failures in a row that open it; default 5. */
  readonly failures?: number | undefined;
  /** How long it stays open at first, doubled at each failed probe; default 500. */
  readonly openMs?: number | undefined;
  /** The longest that it stays open; default 10,000. */
  readonly maxOpenMs?: number | undefined;
}

/** A cause that comes and goes is told at most so often. */
const TELL_AGAIN_MS = 60_000;

export class Breaker {
  readonly #clock: Pick<Clock, "monotonicMs">;
  readonly #log: Log;
  readonly #failuresToOpen: number;
  readonly #firstOpenMs: number;
  readonly #maxOpenMs: number;
  #failures = 0;
  #openMs: number;
  /** Undefined while it is closed. */
  #openUntilMs: number | undefined;
  #isProbing = false;
  #toldAtMs = Number.NEGATIVE_INFINITY;
  /** Whether somebody waits to be told that it works again. */
  #spoke = false;

  constructor(options: BreakerOptions) {
    this.#clock = options.clock;
    this.#log = options.log;
    this.#failuresToOpen = options.failures ?? 5;
    this.#firstOpenMs = options.openMs ?? 500;
    this.#openMs = this.#firstOpenMs;
    this.#maxOpenMs = options.maxOpenMs ?? 10_000;
  }

  get isOpen(): boolean {
    return this.#openUntilMs !== undefined;
  }

  /** How long until a probe may go, milliseconds. */
  get leftMs(): number {
    return Math.max(0, (this.#openUntilMs ?? 0) - this.#clock.monotonicMs());
  }

  /** Whether a question may be asked now. Whoever is told so must say how it went. */
  admits(): boolean {
    if (this.#openUntilMs === undefined) return true;
    if (this.#isProbing || this.leftMs > 0) return false;
    this.#isProbing = true;
    return true;
  }

  succeeded(): void {
    this.#failures = 0;
    this.#isProbing = false;
    this.#openUntilMs = undefined;
    this.#openMs = this.#firstOpenMs;
    if (!this.#spoke) return;
    this.#spoke = false;
    this.#log.info({ event: "introspection_recovered" });
  }

  failed(error: unknown): void {
    this.#failures++;
    this.#tell(error);
    if (this.#isProbing) this.#openMs = Math.min(this.#openMs * 2, this.#maxOpenMs);
    else if (this.#failures < this.#failuresToOpen) return;
    this.#isProbing = false;
    this.#openUntilMs = this.#clock.monotonicMs() + this.#openMs;
  }

  /** The first failure is told of and not the fifth: a secret that is wrong is to be put right at once. */
  #tell(error: unknown): void {
    const now = this.#clock.monotonicMs();
    if (this.#spoke || now - this.#toldAtMs < TELL_AGAIN_MS) return;
    this.#toldAtMs = now;
    this.#spoke = true;
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof PortcullisError ? error.code : "introspection_failed";
    this.#log.warn({ event: "introspection_failed", code, message });
  }
}
