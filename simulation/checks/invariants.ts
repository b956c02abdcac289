/** What must hold after every event, whatever has happened. Each check throws the `Violation` it finds. */

import type { Decision, DenyDecision } from "@portcullis/guard";
import { wallSecondsOf } from "@portcullis/protocol";
import type { TokenCoordinates } from "@portcullis/revocation";
import { SKEW_SECONDS } from "../server/data-file.ts";
import type { ServerLife } from "../server/server-life.ts";
import type { IssuedToken } from "../tokens.ts";
import type { VerifierLife } from "../verifier-life.ts";
import type { NodeClock } from "../world/node-clock.ts";
import { expectedOutcome, type History } from "./history.ts";
import { Violation } from "./violation.ts";

/** After so long with a server whose clock is right, every lease in force rests on what that clock showed. */
const CLOCK_KNOWN_AFTER_MS = 10_000;
/** Longer than any call takes that is still answered. */
const FRESH_MARGIN_SECONDS = 3;
/** What is lost in double precision. */
const ROUNDING_MS = 1e-3;

export interface Observed {
  readonly now: number;
  readonly history: History;
  readonly server: ServerLife | undefined;
  readonly serverClock: NodeClock;
  /** Newest seq whose receipt says that it is enforced by now. */
  readonly enforcedSeq: number;
}

type Check = (verifier: VerifierLife, observed: Observed) => void;

const INVARIANTS: readonly (readonly [name: string, check: Check])[] = [
  ["what a receipt calls enforced is enforced", isEnforced],
  ["a replica is at least as old as it says it is not", isAsOldAsItSays],
  ["a lease ends at the verifier before it ends at the server", endsFirstHere],
];

export function checkInvariants(verifiers: Iterable<VerifierLife>, observed: Observed): void {
  for (const verifier of verifiers) {
    if (verifier.end.process.isDead) continue;
    for (const [, check] of INVARIANTS) check(verifier, observed);
  }
}

function isEnforced(verifier: VerifierLife, { enforcedSeq }: Observed): void {
  const { applied } = verifier.replica;
  if (applied >= enforcedSeq || !verifier.mayAllow) return;
  fail(verifier, 0, `it may allow, has applied ${applied}, and seq ${enforcedSeq} was said to be enforced`);
}

function isAsOldAsItSays(verifier: VerifierLife, { now, history }: Observed): void {
  const { ageMs } = verifier.view.freshness();
  const { applied } = verifier.replica;
  const oldest = history.committedAt(applied + 1);
  if (oldest === undefined || ageMs === Number.POSITIVE_INFINITY) return;
  const trueAgeMs = verifier.end.process.clock.trueMs(ageMs);
  if (trueAgeMs >= now - oldest - ROUNDING_MS) return;
  fail(verifier, 1, `its age is ${trueAgeMs} ms, and it lacks seq ${applied + 1} since ${now - oldest} ms`);
}

function endsFirstHere(verifier: VerifierLife, { server, history }: Observed): void {
  const { replica, view, end } = verifier;
  const seq = replica.applied + 1;
  if (server === undefined || seq > history.head || !verifier.mayAllow) return;
  const leftHere = end.process.clock.trueMs(view.leaseMs - view.freshness().ageMs);
  const until = server.table.laggardsOf(seq).find(({ lease }) => lease.holder.name === replica.name)?.until;
  const { clock } = server.process;
  const leftThere = until === undefined ? 0 : clock.trueMs(until - clock.monotonicMs());
  if (leftHere <= leftThere + ROUNDING_MS) return;
  fail(verifier, 2, `for seq ${seq}: ${leftHere} ms are left here, ${leftThere} ms at the server`);
}

/** The index holds exactly the records up to what was applied: no gap, and nothing made up. */
export function checkIndex(verifier: VerifierLife, history: History, known: KnownCoordinates): void {
  if (!verifier.view.freshness().ready) return;
  const { applied } = verifier.replica;
  for (const token of history.tokens) {
    const outcome = verifier.view.verdict(known.of(verifier, token)).outcome;
    const expected = expectedOutcome(token, applied);
    if (outcome === expected) continue;
    const detail = `applied ${applied}: ${outcome} where records 1 to ${applied} say ${expected}`;
    throw new Violation("no silent gap", `${verifier.replica.name} ${detail} (${about(token)})`);
  }
}

/** Made once for each token and verifier, as a guard does. */
export class KnownCoordinates {
  readonly #known = new WeakMap<VerifierLife, WeakMap<IssuedToken, TokenCoordinates>>();

  of(verifier: VerifierLife, token: IssuedToken): TokenCoordinates {
    let mine = this.#known.get(verifier);
    if (mine === undefined) {
      mine = new WeakMap();
      this.#known.set(verifier, mine);
    }
    const found = mine.get(token) ?? verifier.view.coordinatesOf(token.claims, { kid: "simulated" });
    mine.set(token, found);
    return found;
  }
}

/** The answer to a request that starts at this moment. */
export function checkDecision(
  verifier: VerifierLife,
  token: IssuedToken,
  decision: Decision,
  observed: Observed,
): void {
  const { enforcedSeq } = observed;
  const { applied } = verifier.replica;
  const expected = expectedOutcome(token, applied);
  const enforced = expectedOutcome(token, enforcedSeq);
  const who = `${verifier.replica.name}, applied ${applied}, enforced ${enforcedSeq}, ${about(token)}`;
  if (decision.outcome === "allow") {
    const isKept = !mayBeForgotten(token, observed);
    if (isKept && enforced !== "allow") throw new Violation("no allow after an enforced receipt", who);
    if (isKept && expected !== "allow") throw new Violation("no allow against the verdict", who);
    if (!verifier.mayAllow) throw new Violation("no allow without a lease", who);
    if (isLongExpired(token, observed)) throw new Violation("no allow after the end of a token", who);
  } else if (hasExpired(token, observed)) {
    // Of what was revoked some may be forgotten by now: any denial is right.
  } else if ((decision.code === "killed" || decision.code === "stale") && decision.code !== expected) {
    throw new Violation("no denial without a revocation", `${who}: ${decision.code}`);
  } else if (decision.code === "replica_too_old" && verifier.mayAllow) {
    throw new Violation("a leased verifier answers", who);
  } else if (isCalledOutOfTime(decision) && isFresh(token, observed)) {
    throw new Violation("a fresh token is not called bad by a wrong clock", `${who}: ${decision.code}`);
  }
}

const isCalledOutOfTime = ({ code }: DenyDecision): boolean =>
  code === "expired_token" || code === "not_yet_valid";

/** By the clock that dated it. While somebody has set that, or lately had, verifiers may go by the wrong one. */
function issuerSeconds({ serverClock, now }: Observed): number | undefined {
  const isKnown = !serverClock.isSetWrong && now - serverClock.setAt > CLOCK_KNOWN_AFTER_MS;
  return isKnown ? wallSecondsOf(serverClock) : undefined;
}

/** Its verifiers are at most the skew behind the issuer, and accept it for the skew longer than its `exp`. */
function isLongExpired({ claims }: IssuedToken, observed: Observed): boolean {
  return (issuerSeconds(observed) ?? 0) > claims.exp + 2 * SKEW_SECONDS;
}

/**
 * By the clock that nobody has set: every record that covers the token has ended. It can look alive only where the issuer's own
 * clock was set back, and with it what its verifiers go by (docs/decisions/0016-clocks-of-verifiers.md, risks); where the
 * issuer's clock is right, `isLongExpired` says that no such token is let in.
 */
function mayBeForgotten({ claims }: IssuedToken, { serverClock }: Observed): boolean {
  return serverClock.untouchedMs() / 1000 > claims.exp + 2 * SKEW_SECONDS;
}

/** So that not even the round trip by which a verifier knows the time less well makes a difference. */
function isFresh({ claims }: IssuedToken, observed: Observed): boolean {
  const now = issuerSeconds(observed);
  return (
    now !== undefined && claims.iat <= now - FRESH_MARGIN_SECONDS && now < claims.exp - FRESH_MARGIN_SECONDS
  );
}

const hasExpired = ({ claims }: IssuedToken, { history }: Observed): boolean =>
  claims.exp + SKEW_SECONDS <= history.nowSeconds;

function about({ claims, killedFrom, staleFrom }: IssuedToken): string {
  return `token ${claims.jti} of rv ${claims.rv}, killed from ${killedFrom}, stale from ${staleFrom}`;
}

function fail(verifier: VerifierLife, at: number, detail: string): never {
  throw new Violation(INVARIANTS[at]![0], `${verifier.replica.name}: ${detail}`);
}
