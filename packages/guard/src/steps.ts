/**
 * The guard's checks, in their order. A step gives a denial, or nothing, and then the next one runs.
 *
 * The verdict comes before what the route asks for, so that somebody who was logged out is told so whatever
 * he calls; and before freshness, because a denial holds however old the replica is and only an allow must
 * be confirmed.
 */
import {
  type AccessToken,
  type AccessTokenVerifier,
  type Introspector,
  isAccessTokenError,
  type VerifiedAccessToken,
} from "@portcullis/access-token";
import {
  type Clock,
  hasCode,
  looksLikeOpaqueToken,
  type PortcullisError,
  type Reason,
  wallSecondsOf,
} from "@portcullis/protocol";
import type { RevocationView, TokenCoordinates, Verdict } from "@portcullis/revocation";
import type { IsAllowedFrom } from "./allowed-addresses.ts";
import { type DenialDetails, deny } from "./challenge.ts";
import type { Caller, DenyDecision, Freshness, Principal, Requirements } from "./decision.ts";
import type { DenialCode } from "./errors.ts";

/** What is computed once a token and kept beside it, in the verifier's cache or the introspector's. */
export interface Mark {
  readonly principal: Principal;
  readonly coordinates: TokenCoordinates;
  /** Undefined: from everywhere. */
  readonly isAllowedFrom?: IsAllowedFrom | undefined;
}

/** A token that is genuine, and its mark. */
export interface Entry {
  readonly token: AccessToken;
  readonly mark: Mark;
}

export interface StepContext {
  readonly verifier: AccessTokenVerifier<Mark>;
  /** Undefined: nobody can be asked, and opaque tokens are no tokens. */
  readonly introspector: Introspector<Mark> | undefined;
  readonly revocations: RevocationView;
  /** The one that the verifier reads; `lastMs` is what was read of it last. */
  readonly clock: Pick<Clock, "wallMs"> & { readonly lastMs: number };
  readonly realm: string;
  /** For routes that say nothing. */
  readonly freshness: Freshness;
}

/** One request, and what is known of it so far. */
export interface Case {
  readonly authorization: string | readonly string[] | undefined;
  readonly requirements: Requirements;
  readonly caller: Caller | undefined;
  bearerToken: string;
  entry: Entry | undefined;
  unconfirmed: boolean;
  /** When the issuer was asked, after this request had come, whether the token is good: monotonic. NaN: it was not. */
  confirmedAtMs: number;
}

type Denied = DenyDecision | undefined;
type Step = (request: Case, context: StepContext) => Denied | Promise<Denied>;
type Steps = readonly (readonly [what: string, step: Step])[];

export const AUTHENTICATION: Steps = [
  ["the replica has its first snapshot", replicaIsReady],
  ["there is one Authorization header with a bearer token", takeBearerToken],
  ["if it is an opaque token, its issuer says that it is good", takeOpaqueToken],
  ["if it is a JWT, it verifies", verifyToken],
  ["the token is not bound to a key", isPlainBearer],
  ["no revocation covers it, nor what is kept of it", isNotRevokedSinceAsked],
  ["it comes from where it may come from", isFromAllowedAddress],
  ["it is for the route's audience", hasAudience],
  ["it has the route's scopes", hasScopes],
  ["the replica is fresh enough to confirm it, or the issuer does", isConfirmedSomehow],
];

/** What can change while a handler works. */
export const RECHECK: Steps = [
  ["the token has not expired", isInTime],
  ["no revocation covers it", isNotRevoked],
  ["the replica is fresh enough to confirm it", isConfirmed],
];

/**
 * What ends a request that is under way, in the middle. Not the token's own end: a request that began before it is
 * refused at its next `RECHECK`, and a stream of an hour is not what `exp` is about.
 */
export const UNDER_WAY: Steps = [
  ["no revocation covers it", isNotRevoked],
  ["the replica is fresh enough to confirm it", isStillConfirmed],
];

export function runSteps(
  steps: Steps,
  request: Case,
  context: StepContext,
  from = 0,
): Denied | Promise<Denied> {
  for (let at = from; at < steps.length; at++) {
    const denied = steps[at]![1](request, context);
    if (denied instanceof Promise) {
      return denied.then((found) => found ?? runSteps(steps, request, context, at + 1));
    }
    if (denied !== undefined) return denied;
  }
  return undefined;
}

/** What steps that wait for nothing say: the same checks again, for a request that was allowed before. */
export function denialBy(steps: Steps, request: Case, context: StepContext): Denied {
  try {
    const denied = runSteps(steps, request, context);
    // None of these steps waits; one that did must not let anybody pass meanwhile.
    return denied instanceof Promise ? deny(context.realm, "check_failed") : denied;
  } catch (error) {
    return denyError(error, context.realm);
  }
}

function replicaIsReady(_: Case, { revocations, realm }: StepContext): Denied {
  // On open routes too: before its first snapshot a replica knows of no revocation at all.
  return revocations.freshness().ready ? undefined : deny(realm, "replica_not_ready");
}

function takeBearerToken(request: Case, { realm }: StepContext): Denied {
  const { authorization } = request;
  if (authorization === undefined) return deny(realm, "missing_credentials");
  if (typeof authorization !== "string") return takeOnlyOne(request, authorization, realm);
  const token = bearerTokenOf(authorization);
  if (token === undefined) return deny(realm, "missing_credentials");
  request.bearerToken = token;
  return undefined;
}

/** Two headers: whoever stands before or behind us might read the other one. */
function takeOnlyOne(request: Case, headers: readonly string[], realm: string): Denied {
  if (headers.length > 1) return deny(realm, "ambiguous_credentials");
  const token = headers[0] === undefined ? undefined : bearerTokenOf(headers[0]);
  if (token === undefined) return deny(realm, "missing_credentials");
  request.bearerToken = token;
  return undefined;
}

const SCHEME = "Bearer ";

/**
 * Returns the token out of `Authorization: Bearer <token>` (RFC 6750, section 2.1), and it comes from nowhere else; undefined
 * when there is none, or another scheme. The scheme disregards case (RFC 9110, section 11.1); what follows the one space is
 * the token as it stands: it is not trimmed, so that a second spelling of it fails.
 */
function bearerTokenOf(authorization: string): string | undefined {
  const isBearer =
    authorization.startsWith(SCHEME) || authorization.slice(0, SCHEME.length).toLowerCase() === "bearer ";
  return isBearer ? authorization.slice(SCHEME.length) : undefined;
}

/** Known, or asked about. Where the replica cannot confirm anything, an answer that is kept cannot either. */
function takeOpaqueToken(request: Case, context: StepContext): Denied | Promise<Denied> {
  const { introspector } = context;
  if (introspector === undefined || !looksLikeOpaqueToken(request.bearerToken)) return undefined;
  const isOnline = policyOf(request, context).policy === "online";
  return isOnline && !isFresh(request, context) ? askAnew(request, context) : askAbout(request, context);
}

function askAbout(request: Case, context: StepContext): Denied | Promise<Denied> {
  try {
    const entry = context.introspector!.entryOf(request.bearerToken, false, request.caller?.address);
    if (entry instanceof Promise) return entryWhenAnswered(request, context, entry);
    request.entry = entry;
    return undefined;
  } catch (error) {
    return denyError(error, context.realm);
  }
}

/** Only a question that begins now, or later, will do. */
function askAnew(request: Case, context: StepContext): Promise<Denied> {
  const asked = async () => {
    const entry = await context.introspector!.entryOf(request.bearerToken, true, request.caller?.address);
    request.confirmedAtMs = entry.askedAtMs;
    return entry;
  };
  return entryWhenAnswered(request, context, asked());
}

function verifyToken(request: Case, context: StepContext): Denied | Promise<Denied> {
  if (request.entry !== undefined) return undefined;
  try {
    const entry = context.verifier.verifyEntry(request.bearerToken);
    if (entry instanceof Promise) return entryWhenAnswered(request, context, entry);
    request.entry = entry;
    return undefined;
  } catch (error) {
    return denyError(error, context.realm);
  }
}

async function entryWhenAnswered(
  request: Case,
  { realm }: StepContext,
  entry: Promise<Entry>,
): Promise<Denied> {
  try {
    request.entry = await entry;
    return undefined;
  } catch (error) {
    return denyError(error, realm);
  }
}

/** A token with `cnf` is worth nothing without a proof of its key (RFC 9449, section 7.1), read as a bearer's. */
function isPlainBearer({ entry }: Case, { realm }: StepContext): Denied {
  return entry!.token.claims.cnf === undefined ? undefined : deny(realm, "sender_constrained");
}

/**
 * What is kept of an opaque token is as old as its question. A record that came since makes it worthless, and the token itself may be as good as before
 * (its owner has lost another permission): so the issuer is asked again, except where the record ends the very token.
 */
function isNotRevokedSinceAsked(request: Case, context: StepContext): Denied | Promise<Denied> {
  const verdict = verdictOn(request, context);
  if (verdict.outcome === "allow") return undefined;
  // A token that was rotated with an overlap is stale by its own name: it ends earlier than the answer says.
  const isLast = !isOpaque(request) || (verdict.scope === "token" && verdict.outcome === "killed");
  return isLast ? denyVerdict(verdict, context.realm) : askedAgain(request, context, verdict);
}

async function askedAgain(request: Case, context: StepContext, verdict: Denying): Promise<Denied> {
  const denied = await askAnew(request, context);
  // The issuer says that it is dead, and the record says of what.
  if (denied?.code === "inactive_token" && verdict.outcome === "killed")
    return denyVerdict(verdict, context.realm);
  return denied ?? isPlainBearer(request, context) ?? isNotRevoked(request, context);
}

/** For a request that was let in, or was just asked about: nothing is asked here. */
function isNotRevoked(request: Case, context: StepContext): Denied {
  const verdict = verdictOn(request, context);
  if (verdict.outcome === "allow") return undefined;
  // Whoever holds an opaque token has nothing to refresh: the next request is asked about anew.
  if (verdict.outcome === "stale" && isOpaque(request)) return deny(context.realm, "answer_outdated");
  return denyVerdict(verdict, context.realm);
}

const verdictOn = ({ entry }: Case, { revocations }: StepContext): Verdict =>
  revocations.verdict(entry!.mark.coordinates);

const isOpaque = ({ entry }: Case): boolean => entry!.mark.principal.kind !== "access_token";

type Denying = Exclude<Verdict, { readonly outcome: "allow" }>;

function denyVerdict({ outcome, reason }: Denying, realm: string): DenyDecision {
  return deny(realm, outcome, { reason, mode: outcome === "killed" ? "kill" : "stale" });
}

function isFromAllowedAddress({ entry, caller }: Case, { realm }: StepContext): Denied {
  const { isAllowedFrom } = entry!.mark;
  if (isAllowedFrom === undefined || isAllowedFrom(caller?.address)) return undefined;
  return deny(realm, "address_not_allowed");
}

function hasAudience({ entry, requirements: { audience } }: Case, { realm }: StepContext): Denied {
  if (audience === undefined || entry!.token.audience.includes(audience)) return undefined;
  return deny(realm, "wrong_audience");
}

function hasScopes({ entry, requirements: { scopes } }: Case, { realm }: StepContext): Denied {
  if (scopes === undefined) return undefined;
  for (const scope of scopes) {
    if (!entry!.token.scopes.has(scope))
      return deny(realm, "insufficient_scope", { scope: scopes.join(" ") });
  }
  return undefined;
}

function isInTime({ entry }: Case, { verifier, realm }: StepContext): Denied {
  try {
    verifier.recheckTimes(entry!.token);
    return undefined;
  } catch (error) {
    return denyError(error, realm);
  }
}

/**
 * No allow outlives the lease: past it the issuer tells others that this replica no longer counts. And none is given by a
 * clock that is off from the issuer's, on open routes too: a token could have expired, and its revocation been forgotten.
 * The wall clock is the one that the token's times were just checked by.
 */
function isConfirmed(request: Case, context: StepContext): Denied {
  return confirmedAt(context.clock.lastMs / 1000, request, context);
}

/** No step before it has read the wall clock, and a reading of another request may be as old as that request. */
function isStillConfirmed(request: Case, context: StepContext): Denied {
  return confirmedAt(wallSecondsOf(context.clock), request, context);
}

function isConfirmedSomehow(request: Case, context: StepContext): Denied | Promise<Denied> {
  const denied = isConfirmed(request, context);
  const { introspector } = context;
  if (denied?.code !== "replica_too_old" || introspector === undefined || isOpaque(request)) return denied;
  return policyOf(request, context).policy === "online" ? isConfirmedByIssuer(request, context) : denied;
}

/** A JWT is genuine and its claims are known: what is asked is whether it has ended. Meanwhile the replica may have heard of it. */
async function isConfirmedByIssuer(request: Case, context: StepContext): Promise<Denied> {
  const { introspector, realm } = context;
  try {
    const token = request.entry!.token as VerifiedAccessToken;
    request.confirmedAtMs = await introspector!.confirm(token, request.bearerToken);
  } catch (error) {
    return denyError(error, realm);
  }
  return denialBy(RECHECK, request, context);
}

function confirmedAt(wallSeconds: number, request: Case, context: StepContext): Denied {
  const { revocations, realm } = context;
  const freshness = revocations.freshness(wallSeconds);
  if (!freshness.ready) return deny(realm, "replica_not_ready");
  if (freshness.isClockOff === true) return deny(realm, "clock_off");
  const wanted = policyOf(request, context);
  const confirmed =
    isYoung(freshness.ageMs, wanted, revocations.leaseMs) ||
    (wanted.policy === "online" && isCarriedByAnswer(request, freshness.ageMs, context));
  request.unconfirmed = !confirmed;
  return confirmed || wanted.policy === "open" ? undefined : deny(realm, "replica_too_old");
}

const policyOf = ({ requirements }: Case, { freshness }: StepContext): Freshness =>
  requirements.freshness ?? freshness;

function isFresh(request: Case, context: StepContext): boolean {
  const { revocations } = context;
  return isYoung(revocations.freshness().ageMs, policyOf(request, context), revocations.leaseMs);
}

/** Compared so that an age or a limit that is not a number confirms nothing. A limit of 0 is for routes that ask the issuer each time. */
const isYoung = (ageMs: number, { policy, maxAgeMs }: Freshness, leaseMs: number): boolean =>
  ageMs <= maxAgeMs && ageMs <= leaseMs && !(policy === "online" && maxAgeMs === 0);

/** How long the issuer's word carries a request on to its end. It is no lease: a receipt does not wait for it (decision 0064). */
const WORD_LASTS_MS = 5_000;

/**
 * Of this request alone: another with the same token has to be asked about for itself. With a limit of 0 the replica lets nobody in, but within its lease
 * it carries on who was asked about: whatever ends the token reaches it. Else each long answer of such a route would end after five seconds.
 */
function isCarriedByAnswer(request: Case, ageMs: number, context: StepContext): boolean {
  if (Number.isNaN(request.confirmedAtMs)) return false;
  const isWithinLease = policyOf(request, context).maxAgeMs === 0 && ageMs <= context.revocations.leaseMs;
  return isWithinLease || context.introspector!.nowMs() - request.confirmedAtMs <= WORD_LASTS_MS;
}

/** The detail of these errors is the reason. */
function denyEnded({ detail }: PortcullisError, realm: string): DenyDecision {
  return deny(realm, "killed", { reason: detail as Reason, mode: "kill" });
}

/** What nobody foresaw is a 503: it must not let anybody in, nor make a client throw its token away. */
export function denyError(error: unknown, realm: string): DenyDecision {
  if (hasCode(error, "replica_not_ready")) return deny(realm, "replica_not_ready");
  if (hasCode(error, "key_refused")) return denyEnded(error as PortcullisError, realm);
  if (hasCode(error, "inactive_token") && error.detail !== undefined) return denyEnded(error, realm);
  if (!isAccessTokenError(error) || error.code === "invalid_configuration")
    return deny(realm, "check_failed");
  const details: DenialDetails = error.status === 503 ? {} : { text: error.message };
  return deny(realm, error.code as DenialCode, details);
}
