import {
  type Clock,
  hasCode,
  type Log,
  opaqueTokenKind,
  type SetTimer,
  silentLog,
  systemClock,
  systemTimer,
  wallSecondsOf,
} from "@portcullis/protocol";
import type { IntrospectedAccessToken, VerifiedAccessToken } from "../claims.ts";
import { type AccessTokenError, accessTokenError, isAccessTokenError } from "../errors.ts";
import { audienceSet, timesCheckOf } from "../expectations.ts";
import type { AccessTokenVerifierOptions } from "../verifier-types.ts";
import { Breaker } from "./breaker.ts";
import { Flights, type Question } from "./flights.ts";
import { type Expected, type IntrospectionAnswer, judgeJwt, judgeOpaque } from "./judge-answer.ts";
import { KeptAnswers, tokenHashOf } from "./kept-answers.ts";

export interface IntrospectorOptions<Mark = undefined>
  extends Pick<AccessTokenVerifierOptions, "issuer" | "audience" | "clockSkewSeconds" | "isRefusedByClock"> {
  /** Asks the issuer about one token, in bounded time: `introspectionOf` of `@portcullis/issuer` gives one that does. */
  readonly ask: (token: string, clientAddress?: string) => Promise<IntrospectionAnswer>;
  /** Computed once an answer and kept beside it. What it throws is an answer that cannot be used. */
  readonly prepare?: ((token: IntrospectedAccessToken) => Mark) | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  readonly setTimer?: SetTimer | undefined;
  /** Told when the issuer cannot be asked, and when it can again. Never a token. */
  readonly log?: Log | undefined;
  /** Longest that a good answer is kept; default 60,000, and never past the token's end. */
  readonly keepMs?: number | undefined;
  /** How long a bad answer is kept; default 10,000. */
  readonly keepBadMs?: number | undefined;
  /** Good answers kept, and as many bad ones; default 10,000. */
  readonly maxKept?: number | undefined;
  /** Questions at a time; default 16. */
  readonly maxUnderWay?: number | undefined;
  /** Questions that wait for their turn; default 1,000. */
  readonly maxWaiting?: number | undefined;
  /** For one question; default 3,000. */
  readonly timeLimitMs?: number | undefined;
}

/** An opaque token as its issuer described it, and when it was asked, on the monotonic clock. */
export interface IntrospectedEntry<Mark> {
  readonly token: IntrospectedAccessToken;
  readonly mark: Mark;
  readonly askedAtMs: number;
}

/** Since the start. However many wait for the answer to a question, it is one. */
export interface IntrospectionCounters {
  /** Questions whose answer was that the token is good. */
  readonly active: number;
  readonly inactive: number;
  /** Questions without an answer, or with one that could not be used. */
  readonly failed: number;
  /** Questions that were not asked: too many waited, or the issuer had just failed. */
  readonly turnedAway: number;
  /** Uses of an answer that was kept. */
  readonly kept: number;
  /** Refused by their form, without a question. */
  readonly malformed: number;
}

export interface Introspector<Mark = undefined> {
  /**
   * Returns what an opaque token is, synchronously where a good answer is kept. `anew`: only an answer to a question that begins after the
   * call will do. `clientAddress`: of whoever brought it, for its owner to see. Throws or rejects with an `AccessTokenError`: `malformed_token` for a text that was never a token, without asking.
   */
  entryOf(
    token: string,
    anew?: boolean,
    clientAddress?: string,
  ): IntrospectedEntry<Mark> | Promise<IntrospectedEntry<Mark>>;
  /**
   * Resolves with when the issuer was asked, once it has said that this JWT is good; it is asked after the call. Nothing is kept
   * of a good answer.
   */
  confirm(token: VerifiedAccessToken, text: string): Promise<number>;
  /** Returns the monotonic time that `askedAtMs` counts on. */
  nowMs(): number;
  readonly counters: IntrospectionCounters;
}

/** Throws `invalid_configuration` for an audience that is none. */
export function createIntrospector<Mark = undefined>(options: IntrospectorOptions<Mark>): Introspector<Mark> {
  return new CoalescingIntrospector(options);
}

/** What a question came to; an error is one about the token, and never that nobody answered. */
type Outcome<Value> = { readonly value: Value } | { readonly error: unknown };

const TELL_AGAIN_MS = 60_000;
const LONG_AGO = Number.NEGATIVE_INFINITY;

class CoalescingIntrospector<Mark> implements Introspector<Mark> {
  readonly counters = { active: 0, inactive: 0, failed: 0, turnedAway: 0, kept: 0, malformed: 0 };
  readonly #options: IntrospectorOptions<Mark>;
  readonly #clock: Clock;
  readonly #expected: Expected;
  readonly #flights: Flights<Outcome<IntrospectedEntry<Mark> | number>>;
  readonly #good: KeptAnswers<IntrospectedEntry<Mark>>;
  readonly #bad: KeptAnswers<AccessTokenError>;
  #toldNotAllowedAtMs = LONG_AGO;

  constructor(options: IntrospectorOptions<Mark>) {
    const { clock = systemClock, log = silentLog, maxKept = 10_000 } = options;
    this.#options = options;
    this.#clock = clock;
    this.#expected = {
      issuer: options.issuer,
      audience: audienceSet(options.audience),
      checkTimes: timesCheckOf({ ...options, clock }),
    };
    this.#good = new KeptAnswers(maxKept);
    this.#bad = new KeptAnswers(maxKept);
    this.#flights = new Flights({
      breaker: new Breaker({ clock, log }),
      clock,
      setTimer: options.setTimer ?? systemTimer,
      maxUnderWay: options.maxUnderWay ?? 16,
      maxWaiting: options.maxWaiting ?? 1_000,
      timeLimitMs: options.timeLimitMs ?? 3_000,
      onTurnedAway: () => this.counters.turnedAway++,
    });
  }

  nowMs(): number {
    return this.#clock.monotonicMs();
  }

  entryOf(
    token: string,
    anew = false,
    clientAddress?: string,
  ): IntrospectedEntry<Mark> | Promise<IntrospectedEntry<Mark>> {
    const hash = tokenHashOf(token);
    const kept = this.#good.get(hash, this.nowMs());
    if (kept !== undefined && !anew) {
      this.#expected.checkTimes(kept.token.claims);
      this.counters.kept++;
      return kept;
    }
    this.#refuseKnownBad(hash);
    this.#refuseMalformed(token);
    const ask = (question: Question) => this.#askAboutOpaque(token, { hash, clientAddress, question });
    return this.#fly(hash, ask, anew) as Promise<IntrospectedEntry<Mark>>;
  }

  async confirm(token: VerifiedAccessToken, text: string): Promise<number> {
    const hash = tokenHashOf(text);
    this.#refuseKnownBad(hash);
    const ask = (question: Question) => this.#askAboutJwt(token, { text, hash, question });
    return (await this.#fly(hash, ask, true)) as number;
  }

  #refuseKnownBad(hash: string): void {
    const bad = this.#bad.get(hash, this.nowMs());
    if (bad === undefined) return;
    this.counters.kept++;
    throw bad;
  }

  /** A checksum that does not fit: whoever sends noise is answered here, and the issuer never hears of it. */
  #refuseMalformed(token: string): void {
    if (opaqueTokenKind(token) !== undefined) return;
    this.counters.malformed++;
    throw accessTokenError("malformed_token", {
      text: "The token is mistyped, cut off or made up: its form or its checksum is wrong.",
    });
  }

  async #fly(
    hash: string,
    ask: (question: Question) => Promise<Outcome<IntrospectedEntry<Mark> | number>>,
    anew: boolean,
  ): Promise<IntrospectedEntry<Mark> | number> {
    const outcome = await this.#flights.fly(hash, ask, anew);
    if ("error" in outcome) throw outcome.error;
    return outcome.value;
  }

  async #askAboutOpaque(
    token: string,
    {
      hash,
      clientAddress,
      question,
    }: { readonly hash: string; readonly clientAddress: string | undefined; readonly question: Question },
  ): Promise<Outcome<IntrospectedEntry<Mark>>> {
    const answer = await this.#asked(token, { clientAddress, question });
    const { askedAtMs } = question;
    return this.#judged(hash, () => {
      const judged = judgeOpaque(token, answer, this.#expected);
      const entry = { token: judged, mark: this.#markOf(judged), askedAtMs };
      this.#good.set(hash, entry, askedAtMs + this.#keepMs(judged));
      return entry;
    });
  }

  async #askAboutJwt(
    token: VerifiedAccessToken,
    { text, hash, question }: { readonly text: string; readonly hash: string; readonly question: Question },
  ): Promise<Outcome<number>> {
    const answer = await this.#asked(text, { question });
    return this.#judged(hash, () => {
      judgeJwt(token, answer, this.#expected);
      return question.askedAtMs;
    });
  }

  /** An answer that comes too late is dropped: a later question may have been told that the token is dead. */
  async #asked(
    token: string,
    { clientAddress, question }: { readonly clientAddress?: string | undefined; readonly question: Question },
  ): Promise<IntrospectionAnswer> {
    try {
      const answer = await this.#options.ask(token, clientAddress);
      if (question.isGivenUp) throw new Error("The issuer has answered too late.");
      return answer;
    } catch (error) {
      this.counters.failed++;
      throw error;
    }
  }

  #judged<Value>(hash: string, judge: () => Value): Outcome<Value> {
    try {
      const value = judge();
      this.counters.active++;
      this.#bad.delete(hash);
      return { value };
    } catch (error) {
      this.#good.delete(hash);
      this.#keepBad(hash, error);
      return { error };
    }
  }

  /** Only what the issuer said of the token. An answer that cannot be used says nothing of it. */
  #keepBad(hash: string, error: unknown): void {
    if (hasCode(error, "introspection_not_allowed")) this.#tellNotAllowed(error);
    const isAboutToken = isAccessTokenError(error) && error.status === 401;
    this.counters[isAboutToken ? "inactive" : "failed"]++;
    if (isAboutToken) this.#bad.set(hash, error, this.nowMs() + (this.#options.keepBadMs ?? 10_000));
  }

  #tellNotAllowed({ code, detail: apis }: AccessTokenError): void {
    const now = this.nowMs();
    if (now - this.#toldNotAllowedAtMs < TELL_AGAIN_MS) return;
    this.#toldNotAllowedAtMs = now;
    this.#options.log?.warn({ event: code, code, apis });
  }

  #markOf(token: IntrospectedAccessToken): Mark {
    try {
      return this.#options.prepare?.(token) as Mark;
    } catch (cause) {
      if (isAccessTokenError(cause)) throw cause;
      const detail = cause instanceof Error ? cause.message : String(cause);
      throw accessTokenError("introspection_unavailable", { detail, cause });
    }
  }

  /** Not past the token's end: until then the verdict is asked at each use, and from then on the issuer. */
  #keepMs({ claims }: IntrospectedAccessToken): number {
    const leftMs = (claims.exp - wallSecondsOf(this.#clock)) * 1000;
    return Math.min(this.#options.keepMs ?? 60_000, leftMs);
  }
}
