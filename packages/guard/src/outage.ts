/**
 * What keeps a guard from saying "allow", told in words, once a cause: when it begins, when it becomes another, and when
 * it is over. The parts report each failure, some every second; this is what somebody reads.
 *
 * While the lease runs a failed stream harms nobody, and is told of only when the lease has run out before the next try
 * succeeds. Nothing here decides anything: a guard that is silent and one that speaks answer alike.
 */
import { isIssuerError } from "@portcullis/issuer";
import { type Clock, type Log, type LogEvent, PortcullisError } from "@portcullis/protocol";
import { describeFailure } from "./describe-failure.ts";
import { remedyFor } from "./remedies.ts";

interface OutageOptions {
  readonly issuer: string;
  readonly clientId: string;
  /** As it was configured: whose lines these are. */
  readonly name: string;
  readonly log: Log;
  readonly clock: Pick<Clock, "monotonicMs">;
}

export interface Problem {
  readonly code: string;
  /** A sentence, or more. */
  readonly message: string;
}

/** What a guard needs: each can fail by itself. */
type Need = "keys" | "revocations";

/** A cause that comes and goes is told at most so often. */
const TELL_AGAIN_MS = 60_000;

const FEED_FAILURES: ReadonlySet<string> = new Set(["snapshot_failed", "stream_ended", "lease_failed"]);
const IN_WORDS: ReadonlySet<string> = new Set([
  ...FEED_FAILURES,
  "clock_off",
  "capacity_reached",
  "outdated",
]);
const SERVING: ReadonlySet<unknown> = new Set(["live", "lagging"]);

const byLevel = (take: (level: keyof Log, event: LogEvent) => void): Log => ({
  info: (event) => take("info", event),
  warn: (event) => take("warn", event),
  error: (event) => take("error", event),
});

export class Outage {
  readonly #options: OutageOptions;
  /** Not over yet. */
  readonly #problems = new Map<Need, Problem>();
  /** Codes that were told, be it for the other need, and are not over yet. */
  readonly #told = new Map<Need, string>();
  readonly #toldAtMs = new Map<string, number>();
  /** Of each event, until it works again. */
  readonly #lastFailures = new Map<string, string>();
  /** Of the replica. */
  #state: unknown = "bootstrap";
  /** Whether somebody waits to be told that it is over. */
  #spoke = false;

  constructor(options: OutageOptions) {
    this.#options = options;
  }

  /** The problem that is first to be put right; undefined while nothing has failed. */
  get problem(): Problem | undefined {
    return this.#problems.get("keys") ?? this.#problems.get("revocations");
  }

  /** What a replica tells of itself. Of what is told here in words the event itself is only for whoever looks closer. */
  readonly ofReplica: Log = byLevel((level, event) => {
    if (this.#isNews(event)) this.#options.log[IN_WORDS.has(event.event) ? "info" : level](event);
    if (event.event === "state") this.#changed(event.state);
    else if (event.event === "clock_off") this.#failed("revocations", clockProblem(event), true);
    else if (event.event === "outdated") this.#failed("revocations", feedProblem(event), true);
    else if (FEED_FAILURES.has(event.event))
      this.#failed("revocations", feedProblem(event), !SERVING.has(this.#state));
  });

  /** What a source of keys tells of itself. While it keeps the last good ones, requests are answered. */
  readonly ofKeys: Log = byLevel((level, event) => {
    const message = KEY_EVENTS[event.event];
    const { name, issuer, log } = this.#options;
    log[level](message === undefined ? event : { ...event, guard: name, issuer, message });
  });

  /** What a guard tells of itself: of the issuer that cannot be asked about tokens, with what is to be done. */
  readonly ofGuard: Log = byLevel((level, event) => {
    const message = INTROSPECTION_EVENTS[event.event]?.(event);
    const { name, issuer, clientId, log } = this.#options;
    if (message === undefined) return log[level](event);
    const remedy = level === "warn" ? remedyFor(String(event.code), this.#options) : undefined;
    log[level]({ ...event, guard: name, issuer, client: clientId, message, ...(remedy && { remedy }) });
  });

  keysFailed(error: unknown, retryMs: number): void {
    this.#options.log.info({ event: "keys_unavailable", retryMs, ...describeFailure(error) });
    this.#failed("keys", keysProblem(error), true);
  }

  keysCame(): void {
    this.#over("keys");
  }

  /** Whether a failure is another than the last of its kind: the same one, every second, would bury all others. */
  #isNews({ event, code, message, error }: LogEvent): boolean {
    if (!FEED_FAILURES.has(event)) return true;
    const text = [code, message, error].join(" ");
    if (this.#lastFailures.get(event) === text) return false;
    this.#lastFailures.set(event, text);
    return true;
  }

  #changed(state: unknown): void {
    this.#state = state;
    if (state === "live") {
      this.#lastFailures.clear();
      this.#over("revocations");
    }
    // The lease has run out since the failure, and with it what was allowed by it.
    else if (state === "stale") this.#tell("revocations");
  }

  #failed(need: Need, problem: Problem, isTold: boolean): void {
    // The list of revocations is signed, so without keys it cannot be read either.
    if (problem.code === "keys_unavailable" && this.#problems.has("keys")) return;
    this.#problems.set(need, problem);
    if (isTold) this.#tell(need);
  }

  #tell(need: Need): void {
    const problem = this.#problems.get(need);
    if (problem === undefined || this.#isTold(need, problem.code)) return;
    const now = this.#options.clock.monotonicMs();
    if (now - (this.#toldAtMs.get(problem.code) ?? Number.NEGATIVE_INFINITY) < TELL_AGAIN_MS) return;
    this.#toldAtMs.set(problem.code, now);
    this.#told.set(need, problem.code);
    this.#spoke = true;
    const { issuer, clientId, name, log } = this.#options;
    log.warn({
      event: "guard_unavailable",
      guard: name,
      issuer,
      client: clientId,
      code: problem.code,
      message: `Requests are answered with 503. ${problem.message}`,
      remedy: remedyFor(problem.code, this.#options),
    });
  }

  /** Both needs fail by one cause when the issuer is down: it is told once, and is over when both are. */
  #isTold(need: Need, code: string): boolean {
    const isTold = [...this.#told.values()].includes(code);
    if (isTold) this.#told.set(need, code);
    return isTold;
  }

  #over(need: Need): void {
    this.#problems.delete(need);
    this.#told.delete(need);
    if (!this.#spoke || this.#problems.has("keys") || this.#state !== "live") return;
    this.#spoke = false;
    const { issuer, clientId, name, log } = this.#options;
    const message = `It works again: ${issuer} gives it keys and revocations.`;
    log.info({ event: "guard_recovered", guard: name, issuer, client: clientId, message });
  }
}

const KEY_EVENTS: Readonly<Record<string, string>> = {
  keys_kept: "The issuer's keys cannot be renewed. The last good ones are used for an hour more at most.",
  keys_too_old:
    "The issuer's keys could not be renewed for too long. Tokens are answered with 503 until they are.",
};

const OF_WHAT = "Tokens for scripts, and routes with the policy online, are answered with 503.";

const INTROSPECTION_EVENTS: Readonly<Record<string, (event: LogEvent) => string>> = {
  introspection_failed: ({ message }) => `${OF_WHAT} ${message}`,
  introspection_not_allowed: ({ apis }) =>
    `${OF_WHAT} The issuer does not answer this client about tokens of ${apis}.`,
  introspection_recovered: () => "The issuer answers questions about tokens again.",
};

/** What kept the keys away, rather than that they were kept away. */
function keysProblem(error: unknown): Problem {
  const root = error instanceof PortcullisError && isIssuerError(error.cause) ? error.cause : error;
  const { code = "check_failed", message, detail } = describeFailure(root);
  return { code, message: sentence(message, detail) };
}

function feedProblem({ code, message, detail, error }: LogEvent): Problem {
  if (typeof code !== "string") return { code: "check_failed", message: sentence(String(error)) };
  return { code, message: sentence(String(message), detail) };
}

const clockProblem = ({ offsetMs, allowedMs }: LogEvent): Problem => ({
  code: "clock_off",
  message: `This machine's clock is off from the issuer's by ${offsetMs} ms, and ${allowedMs} ms are allowed.`,
});

function sentence(message: string, detail?: unknown): string {
  return typeof detail === "string" && detail !== "" ? `${message.replace(/\.$/, "")} (${detail}).` : message;
}
