import {
  type AccessToken,
  type Algorithm,
  createAccessTokenVerifier,
  createIntrospector,
  type IntrospectedAccessToken,
  type IntrospectionAnswer,
  type IntrospectionCounters,
  type Introspector,
  type KeySource,
  remoteKeySource,
} from "@portcullis/access-token";
import { keySetOf } from "@portcullis/issuer";
import { type Clock, type Log, type SetTimer, silentLog, systemClock } from "@portcullis/protocol";
import type { RevocationView } from "@portcullis/revocation";
import { allowedFrom } from "./allowed-addresses.ts";
import type {
  AllowDecision,
  Caller,
  Decision,
  DenyDecision,
  Ending,
  Following,
  Freshness,
  Guard,
  GuardCounters,
  Principal,
  Requirements,
} from "./decision.ts";
import { guardError } from "./errors.ts";
import { checkFreshness, DEFAULT_FRESHNESS } from "./freshness.ts";
import { InFlight } from "./in-flight.ts";
import { ClockRefusals } from "./refused-by-clock.ts";
import { withoutRefusedKeys } from "./refused-keys.ts";
import {
  AUTHENTICATION,
  type Case,
  denialBy,
  denyError,
  type Mark,
  RECHECK,
  runSteps,
  type StepContext,
} from "./steps.ts";

export interface GuardOptions {
  readonly issuer: string;
  /** A token must have one of these in `aud`; a route can ask for one in particular. */
  readonly audience: string | readonly string[];
  /** Default: those that the issuer publishes, found by discovery. */
  readonly keys?: KeySource | undefined;
  readonly revocations: RevocationView;
  /** Default: the issuer. */
  readonly realm?: string | undefined;
  /** For routes that say nothing; default closed, 5,000 ms. */
  readonly freshness?: Freshness | undefined;
  readonly algorithms?: readonly Algorithm[] | undefined;
  /** Seconds, default 5. Must not be more than the `clockSkewSeconds` of the revocation log. */
  readonly clockSkewSeconds?: number | undefined;
  /**
   * Asks the issuer about a token: `introspectionOf` of `@portcullis/issuer` gives one that does. Default: nobody is asked, so that opaque
   * tokens are refused as malformed, and routes cannot say `online`.
   */
  readonly introspect?: ((token: string, clientAddress?: string) => Promise<IntrospectionAnswer>) | undefined;
  /** Default: the system's. */
  readonly clock?: Clock | undefined;
  /** Told of tokens that only this machine's clock is against, and when the issuer cannot be asked about tokens. Never a token. */
  readonly log?: Log | undefined;
  /** Verified tokens remembered, default 10,000. */
  readonly cacheEntries?: number | undefined;
  /** Characters, default 8,192. */
  readonly maxTokenLength?: number | undefined;
  /** For the end of freshness of requests under way. */
  readonly setTimer?: SetTimer | undefined;
}

/** Keeps no process alive: what is under way does that itself. */
const systemTimer: SetTimer = (work, delayMs) => {
  const timer = setTimeout(work, delayMs);
  timer.unref();
  return () => clearTimeout(timer);
};

const NO_REQUIREMENTS: Requirements = Object.freeze({});

/** Throws `invalid_configuration` for settings that cannot work. */
export function createGuard(options: GuardOptions): Guard {
  return new RevocationGuard(options);
}

class RevocationGuard implements Guard {
  readonly counters = {
    allowed: 0,
    unconfirmed: 0,
    killed: 0,
    stale: 0,
    unavailable: 0,
    refusedByClock: 0,
    rejected: 0,
  };
  readonly introspection: IntrospectionCounters | undefined;
  readonly #context: StepContext;
  readonly #inFlight: InFlight;

  constructor(options: GuardOptions) {
    const { revocations, log = silentLog } = options;
    const freshness = checkFreshness(options.freshness ?? DEFAULT_FRESHNESS, "freshness");
    requireSomebodyToAsk(freshness, options);
    const keys = options.keys ?? remoteKeySource({ fetchKeySet: keySetOf({ issuer: options.issuer }) });
    const clock = new ReadClock(options.clock ?? systemClock);
    const { explains } = new ClockRefusals({ revocations, log });
    const introspector = introspectorOf(options, { clock, isRefusedByClock: explains });
    const verifier = createAccessTokenVerifier<Mark>({
      issuer: options.issuer,
      audience: options.audience,
      keys: withoutRefusedKeys(keys, () => revocations),
      algorithms: options.algorithms,
      clockSkewSeconds: options.clockSkewSeconds,
      clock,
      cacheEntries: options.cacheEntries,
      maxTokenLength: options.maxTokenLength,
      isRefusedByClock: explains,
      prepare: (token) => ({
        principal: principalOf(token, "access_token"),
        coordinates: revocations.coordinatesOf(token.claims, token.header),
      }),
    });
    this.#context = {
      verifier,
      introspector,
      revocations,
      clock,
      realm: options.realm ?? options.issuer,
      freshness,
    };
    this.introspection = introspector?.counters;
    this.#inFlight = new InFlight({
      context: this.#context,
      setTimer: options.setTimer ?? systemTimer,
      onDenial: (denial) => count(this.counters, denial),
    });
  }

  authenticate(
    authorization: string | readonly string[] | undefined,
    requirements: Requirements = NO_REQUIREMENTS,
    caller?: Caller,
  ): Decision | Promise<Decision> {
    const request: Case = {
      authorization,
      requirements,
      caller,
      bearerToken: "",
      entry: undefined,
      unconfirmed: false,
      confirmedAtMs: Number.NaN,
    };
    try {
      const denied = runSteps(AUTHENTICATION, request, this.#context);
      return denied instanceof Promise ? this.#decideLater(request, denied) : this.#decide(request, denied);
    } catch (error) {
      return this.#decide(request, denyError(error, this.#context.realm));
    }
  }

  async #decideLater(request: Case, denied: Promise<DenyDecision | undefined>): Promise<Decision> {
    try {
      return this.#decide(request, await denied);
    } catch (error) {
      return this.#decide(request, denyError(error, this.#context.realm));
    }
  }

  #decide(request: Case, denied: DenyDecision | undefined): Decision {
    if (denied !== undefined) return count(this.counters, denied);
    this.counters.allowed++;
    if (request.unconfirmed) this.counters.unconfirmed++;
    return new Allowed(request, this.#again);
  }

  readonly #recheck = (request: Case, allowed: Allowed): Decision => {
    const denied = denialBy(RECHECK, request, this.#context);
    if (denied !== undefined) return count(this.counters, denied);
    return request.unconfirmed === allowed.unconfirmed ? allowed : new Allowed(request, this.#again);
  };

  readonly #again: Again = {
    recheck: (request, allowed) => this.#recheck(request, allowed),
    follow: (request, ending) => this.#inFlight.register(request, ending),
  };
}

/** A clock that remembers what was read of its wall time last, for a step that compares it without reading it again. */
class ReadClock implements Clock {
  readonly #clock: Clock;
  /** Milliseconds; NaN before the first reading. */
  lastMs = Number.NaN;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  monotonicMs(): number {
    return this.#clock.monotonicMs();
  }

  wallMs(): number {
    this.lastMs = this.#clock.wallMs();
    return this.lastMs;
  }
}

function requireSomebodyToAsk({ policy }: Freshness, { introspect }: GuardOptions): void {
  if (policy !== "online" || introspect !== undefined) return;
  throw guardError("invalid_configuration", {
    text: 'freshness.policy: found "online", and no introspect: the guard could ask nobody about a token.',
  });
}

function introspectorOf(
  options: GuardOptions,
  { clock, isRefusedByClock }: { clock: Clock; isRefusedByClock: ClockRefusals["explains"] },
): Introspector<Mark> | undefined {
  const { introspect, revocations } = options;
  if (introspect === undefined) return undefined;
  return createIntrospector<Mark>({
    ask: introspect,
    issuer: options.issuer,
    audience: options.audience,
    clock,
    clockSkewSeconds: options.clockSkewSeconds,
    log: options.log,
    isRefusedByClock,
    prepare: (token) => ({
      principal: principalOf(token, token.kind === "key" ? "api_key" : "personal_token"),
      coordinates: revocations.coordinatesOf(token.claims, {}),
      isAllowedFrom: isAllowedFromOf(token),
    }),
  });
}

function isAllowedFromOf({ claims }: IntrospectedAccessToken) {
  const ranges = claims.allowed_addresses as readonly string[] | undefined;
  return ranges === undefined ? undefined : allowedFrom(ranges);
}

function principalOf({ claims, scopes, audience }: AccessToken, kind: Principal["kind"]): Principal {
  const principal: { -readonly [Name in keyof Principal]: Principal[Name] } = {
    kind,
    subject: claims.sub,
    clientId: claims.client_id,
    scopes,
    audience,
    tokenId: claims.jti,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    claims,
  };
  if (claims.sid !== undefined) principal.sessionId = claims.sid;
  if (claims.gid !== undefined) principal.grantId = claims.gid;
  return Object.freeze(principal);
}

/** How a decision comes back to the guard that made it. */
interface Again {
  recheck(request: Case, allowed: Allowed): Decision;
  follow(request: Case, ending: Ending): Following;
}

/** A class and no closure: one is made for every request. */
class Allowed implements AllowDecision {
  readonly outcome = "allow";
  readonly principal: Principal;
  readonly unconfirmed: boolean;
  readonly #request: Case;
  readonly #again: Again;

  constructor(request: Case, again: Again) {
    this.principal = request.entry!.mark.principal;
    this.unconfirmed = request.unconfirmed;
    this.#request = request;
    this.#again = again;
  }

  recheck(): Decision {
    return this.#again.recheck(this.#request, this);
  }

  follow(ending: Ending): Following {
    return this.#again.follow(this.#request, ending);
  }
}

function count(
  counters: { -readonly [Name in keyof GuardCounters]: number },
  denied: DenyDecision,
): DenyDecision {
  if (denied.code === "killed") counters.killed++;
  else if (denied.code === "stale") counters.stale++;
  else if (denied.status === 503) counters.unavailable++;
  else counters.rejected++;
  if (denied.code === "refused_by_clock") counters.refusedByClock++;
  return denied;
}
