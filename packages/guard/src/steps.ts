/**
 * The guard's checks, in their order. A step gives a denial, or nothing, and then the next one runs.
 *
 * The verdict comes before what the route asks for, so that somebody who was logged out is told so whatever
 * he calls; and before freshness, because a denial holds however old the replica is and only an allow must
 * be confirmed.
 */
import { type AccessTokenVerifier, isAccessTokenError, type VerifiedEntry } from "@portcullis/access-token";
import { type Clock, hasCode, type PortcullisError, type Reason, wallSecondsOf } from "@portcullis/protocol";
import type { RevocationView, TokenCoordinates } from "@portcullis/revocation";
import { type DenialDetails, deny } from "./challenge.ts";
import type { DenyDecision, Freshness, Principal, Requirements } from "./decision.ts";
import type { DenialCode } from "./errors.ts";

/** What is computed once a token and kept beside it in the verifier's cache. */
export interface Mark {
  readonly principal: Principal;
  readonly coordinates: TokenCoordinates;
}

export interface StepContext {
  readonly verifier: AccessTokenVerifier<Mark>;
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
  bearerToken: string;
  entry: VerifiedEntry<Mark> | undefined;
  unconfirmed: boolean;
}

type Denied = DenyDecision | undefined;
type Step = (request: Case, context: StepContext) => Denied | Promise<Denied>;
type Steps = readonly (readonly [what: string, step: Step])[];

export const AUTHENTICATION: Steps = [
  ["the replica has its first snapshot", replicaIsReady],
  ["there is one Authorization header with a bearer token", takeBearerToken],
  ["the token verifies", verifyToken],
  ["the token is not bound to a key", isPlainBearer],
  ["no revocation covers it", isNotRevoked],
  ["it is for the route's audience", hasAudience],
  ["it has the route's scopes", hasScopes],
  ["the replica is fresh enough to confirm it", isConfirmed],
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

function verifyToken(request: Case, context: StepContext): Denied | Promise<Denied> {
  try {
    const entry = context.verifier.verifyEntry(request.bearerToken);
    if (entry instanceof Promise) return verifyWithFetchedKey(request, context, entry);
    request.entry = entry;
    return undefined;
  } catch (error) {
    return denyError(error, context.realm);
  }
}

async function verifyWithFetchedKey(
  request: Case,
  { realm }: StepContext,
  entry: Promise<VerifiedEntry<Mark>>,
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

function isNotRevoked({ entry }: Case, { revocations, realm }: StepContext): Denied {
  const verdict = revocations.verdict(entry!.mark.coordinates);
  if (verdict.outcome === "allow") return undefined;
  const mode = verdict.outcome === "killed" ? "kill" : "stale";
  return deny(realm, verdict.outcome, { reason: verdict.reason, mode });
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

function confirmedAt(
  wallSeconds: number,
  request: Case,
  { revocations, realm, freshness }: StepContext,
): Denied {
  const { ready, ageMs, isClockOff } = revocations.freshness(wallSeconds);
  if (!ready) return deny(realm, "replica_not_ready");
  if (isClockOff === true) return deny(realm, "clock_off");
  const { policy, maxAgeMs } = request.requirements.freshness ?? freshness;
  // Compared so that an age or a limit that is not a number confirms nothing.
  const confirmed = ageMs <= maxAgeMs && ageMs <= revocations.leaseMs;
  request.unconfirmed = !confirmed;
  return confirmed || policy === "open" ? undefined : deny(realm, "replica_too_old");
}

function denyRefusedKey({ detail }: PortcullisError, realm: string): DenyDecision {
  return deny(realm, "killed", { reason: detail as Reason, mode: "kill" });
}

/** What nobody foresaw is a 503: it must not let anybody in, nor make a client throw its token away. */
export function denyError(error: unknown, realm: string): DenyDecision {
  if (hasCode(error, "replica_not_ready")) return deny(realm, "replica_not_ready");
  if (hasCode(error, "key_refused")) return denyRefusedKey(error as PortcullisError, realm);
  if (!isAccessTokenError(error) || error.code === "invalid_configuration")
    return deny(realm, "check_failed");
  const details: DenialDetails = error.status === 503 ? {} : { text: error.message };
  return deny(realm, error.code as DenialCode, details);
}
