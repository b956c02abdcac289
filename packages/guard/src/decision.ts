import type { AccessTokenClaims, IntrospectionCounters } from "@portcullis/access-token";
import type { Mode, Reason } from "@portcullis/protocol";
import type { DenialCode } from "./errors.ts";

/** Who is calling. Frozen, and shared by all requests that bring the same token. */
export interface Principal {
  /** What was brought: a JWT access token, or one of the tokens for scripts. */
  readonly kind: "access_token" | "personal_token" | "api_key";
  readonly subject: string;
  readonly clientId: string;
  readonly scopes: ReadonlySet<string>;
  readonly audience: readonly string[];
  readonly sessionId?: string;
  readonly grantId?: string;
  readonly tokenId?: string;
  /** Seconds. */
  readonly issuedAt: number;
  /** Seconds. */
  readonly expiresAt: number;
  readonly claims: AccessTokenClaims;
}

/**
 * What a route does when the replica has not been confirmed for longer than `maxAgeMs`. `closed` answers 503, `online` asks the issuer about the
 * token (RFC 7662) and answers 503 if that fails, `open` allows and counts. With `online` and 0 the issuer is asked for each request. A
 * token known to be revoked is denied under all; and with a wall clock that is off from the issuer's, by which not even `exp` can be judged,
 * all answer 503.
 */
export interface Freshness {
  readonly policy: "closed" | "online" | "open";
  readonly maxAgeMs: number;
}

/** What a route asks for beyond a valid token of the guard's audience. */
export interface Requirements {
  /** Must be in the token's `aud`. */
  readonly audience?: string | undefined;
  /** All of them must be in the token's `scope`. */
  readonly scopes?: readonly string[] | undefined;
  readonly freshness?: Freshness | undefined;
}

/** What is known of who asks beside the token. */
export interface Caller {
  /** Of the client, as whoever trusts the proxies in front has found it. Without it no token passes that is bound to addresses. */
  readonly address?: string | undefined;
}

export interface AllowDecision {
  readonly outcome: "allow";
  readonly principal: Principal;
  /** An `open` route let it pass though the replica could not confirm that the token is not revoked. */
  readonly unconfirmed: boolean;
  /** Times, verdict and freshness again, without verifying: for just before a response starts. */
  recheck(): Decision;
  /**
   * For what takes time: tells `ending` when a record or the end of freshness covers the request, in the turn in which
   * that is so and before it is acknowledged. Ask what it gives before each part that is passed on, and stop it at the
   * end.
   */
  follow(ending: Ending): Following;
}

/** A request under way. An object and no function, since one is made for each request. */
export interface Ending {
  /** Called at most once. Nothing may be passed on after it. */
  end(denial: DenyDecision): void;
}

export interface Following {
  /** Looks now. False when the request was ended, by this look or an earlier one. */
  stands(): boolean;
  /** The request is over: nobody is told any more. */
  stop(): void;
}

export interface DenyDecision {
  readonly outcome: "deny";
  /** Stable code of the cause, finer than `body.error`: for metrics and logs. */
  readonly code: DenialCode;
  readonly status: 400 | 401 | 403 | 503;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: DenialBody;
}

export interface DenialBody {
  readonly error: string;
  readonly error_description: string;
  readonly reason?: Reason;
  readonly mode?: Mode;
}

export type Decision = AllowDecision | DenyDecision;

/**
 * How many decisions of each kind there were. `unconfirmed` is a part of `allowed`, `refusedByClock` of `unavailable`: tokens
 * that are good by the issuer's clock, and refused because this machine's is another.
 */
export interface GuardCounters {
  readonly allowed: number;
  readonly unconfirmed: number;
  readonly killed: number;
  readonly stale: number;
  readonly unavailable: number;
  readonly refusedByClock: number;
  readonly rejected: number;
}

export interface Guard {
  /**
   * Never throws and never rejects: whatever goes wrong is a denial. Give it the Authorization header as it
   * came: a list of two is refused with 400, so take it from the raw headers, since Node keeps only the first.
   */
  authenticate(
    authorization: string | readonly string[] | undefined,
    requirements?: Requirements,
    caller?: Caller,
  ): Decision | Promise<Decision>;
  readonly counters: GuardCounters;
  /** What the issuer was asked about tokens; undefined where nobody can be asked. */
  readonly introspection?: IntrospectionCounters | undefined;
}
