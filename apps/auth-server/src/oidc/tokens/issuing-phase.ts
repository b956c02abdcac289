/**
 * The phase that every access token goes through, whatever grant type asked for it: the library calls it for each
 * token it makes (`extraTokenClaims`), so that a new grant type cannot forget it.
 *
 * Order is the whole point. The horizon is sampled first, when the request arrives, and the checks read what is
 * committed after it. A revocation up to the horizon was visible to the checks; one after it denies the token,
 * because `rv < seq`. Sampled after the checks, a revocation that lands in between would be behind the horizon
 * and seen by nobody: the token would live. test/oidc/tokens/horizon.test.ts shows both.
 *
 * The key is the exception: no horizon helps a token of a dead key. It is looked at when the token is about to be signed,
 * and once more when it is, before anything of the request is stored or answered. What was signed with a key that was
 * retired in between never leaves; the client is told to come again, with the same code or refresh token.
 */
import type { Clock, RevocableClaims } from "@portcullis/protocol";
import { errors } from "oidc-provider";
import type { StandingBan } from "../../bans/standing-bans.ts";
import { keysError } from "../../keys/errors.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import { type Held, hasTimes, type Outlived, type SessionTimes } from "../state/outlived-grants.ts";
import { BannedError } from "./banned-error.ts";
import { type OwnApiAccess, ownApiRefusal } from "./own-api-access.ts";

export interface Issuing {
  readonly clientId: string;
  /** Undefined for client credentials, which act for nobody. */
  readonly accountId: string | undefined;
  readonly sessionUid: string | undefined;
  readonly grantId: string | undefined;
  /** The API that it is for; undefined for a token that is for this server alone. */
  readonly audience: string | readonly string[] | undefined;
  /** That it acts in, if it acts in one. */
  readonly organization?: string | undefined;
  /** Of the key that it is signed with; undefined for an opaque one. */
  readonly kid: string | undefined;
  /** Thumbprint of the key that it is bound to (RFC 9449, section 6.1), if it is. */
  readonly proofKey?: string | undefined;
  /** Takes permissions that the user is banned from out of the token. */
  readonly withhold: (permissions: readonly string[]) => void;
  /** How long what the app holds of the session may live, beside the policy. */
  readonly timesHeld: () => Promise<SessionTimes>;
  /** Lets the token end at this time, in seconds, if it would live longer. */
  readonly endBy: (seconds: number) => void;
  /** The head of the log; undefined until sampled. */
  horizon: number | undefined;
}

export interface IssuingStep {
  readonly name: string;
  /** Whether it runs when the request arrives, when a token is about to be signed, or before it is answered. */
  readonly when: "request" | "token" | "answer";
  run(issuing: Issuing): void | Promise<void>;
}

export interface IssuingSources {
  /** The newest seq as SQL has it now: another server on the database may be ahead of this one. */
  readonly readHead: () => Promise<number>;
  /** Those that stand, from whatever. */
  readonly bansOf: (accountId: string) => Promise<readonly StandingBan[]>;
  readonly isUserActive: (accountId: string) => Promise<boolean>;
  /** When it ends at the latest, in seconds; undefined if it is over. */
  readonly sessionEnd: (uid: string) => Promise<number | undefined>;
  readonly isGrantLive: (id: string) => Promise<boolean>;
  readonly heldBy: (query: {
    readonly grantId: string;
    readonly times: SessionTimes;
  }) => Promise<Held | undefined>;
  readonly isClientEnabled: (clientId: string) => Promise<boolean>;
  readonly ownApi: OwnApiAccess;
  /** As this server knows it. */
  readonly isKeyLive: (kid: string) => boolean;
  /** Brings what other servers have done to the keys. */
  readonly refreshKeys: () => Promise<void>;
  readonly isProofKeyRefused: (thumbprint: string) => Promise<boolean>;
  /** What verifiers would say of a token with these claims. */
  readonly isDenied: (claims: RevocableClaims) => boolean;
  readonly issuer: string;
  readonly clock: Clock;
}

export function issuingSteps(sources: IssuingSources): readonly IssuingStep[] {
  return [
    { name: "sample_horizon", when: "request", run: (issuing) => sampleHorizon(issuing, sources) },
    { name: "not_banned", when: "token", run: (issuing) => notBanned(issuing, sources) },
    { name: "user_active", when: "token", run: (issuing) => userActive(issuing, sources) },
    { name: "session_live", when: "token", run: (issuing) => sessionLive(issuing, sources) },
    { name: "grant_live", when: "token", run: (issuing) => grantLive(issuing, sources) },
    { name: "not_outlived", when: "token", run: (issuing) => notOutlived(issuing, sources) },
    { name: "client_enabled", when: "token", run: (issuing) => clientEnabled(issuing, sources) },
    { name: "own_api_allowed", when: "token", run: (issuing) => ownApiAllowed(issuing, sources) },
    { name: "proof_key_allowed", when: "token", run: (issuing) => proofKeyAllowed(issuing, sources) },
    { name: "signing_key_live", when: "token", run: (issuing) => signingKeyLive(issuing, sources) },
    { name: "verdict_allows", when: "token", run: (issuing) => verdictAllows(issuing, sources) },
    {
      name: "signing_key_still_live",
      when: "answer",
      run: (issuing) => signingKeyStillLive(issuing, sources),
    },
  ];
}

async function sampleHorizon(issuing: Issuing, { readHead }: IssuingSources): Promise<void> {
  issuing.horizon = await readHead();
}

/** Before all that may fail by the ban too, with less to say: the app is told what it may tell its user. */
async function notBanned(
  { accountId, audience, withhold }: Issuing,
  { bansOf }: IssuingSources,
): Promise<void> {
  if (accountId === undefined) return;
  const audiences = [audience ?? []].flat();
  const bans = (await bansOf(accountId)).filter(({ api }) => api === undefined || audiences.includes(api));
  const ban = bans.find(({ permission }) => permission === undefined);
  if (ban !== undefined) throw new BannedError(ban);
  withhold(bans.map(({ permission }) => permission!));
}

async function userActive({ accountId }: Issuing, { isUserActive }: IssuingSources): Promise<void> {
  if (accountId !== undefined && !(await isUserActive(accountId))) refuse("user_not_active");
}

async function sessionLive(
  { accountId, sessionUid, endBy }: Issuing,
  { sessionEnd }: IssuingSources,
): Promise<void> {
  if (accountId === undefined) return;
  const end = sessionUid === undefined ? undefined : await sessionEnd(sessionUid);
  if (end === undefined) refuse("session_over");
  // Nothing ends its access tokens when it runs out by itself.
  endBy(end);
}

async function grantLive({ accountId, grantId }: Issuing, { isGrantLive }: IssuingSources): Promise<void> {
  if (accountId === undefined) return;
  if (grantId === undefined || !(await isGrantLive(grantId))) refuse("grant_over");
}

/** By the times of the app and of its APIs: the app is told to have its user sign in, which asking again leads to. */
async function notOutlived(
  { accountId, grantId, timesHeld, endBy }: Issuing,
  { heldBy }: IssuingSources,
): Promise<void> {
  if (accountId === undefined || grantId === undefined) return;
  const times = await timesHeld();
  if (!hasTimes(times)) return;
  const held = await heldBy({ grantId, times });
  if (held === undefined) refuse("grant_over");
  if (held.outlived !== undefined) throw outlivedError(held.outlived);
  if (held.endsAt !== undefined) endBy(held.endsAt);
}

const OUTLIVED: Readonly<Record<Outlived, string>> = {
  idle: "session_idle: the app was not used for too long, and needs a fresh sign-in",
  absolute: "session_too_old: the sign-in is too long ago for the app, and it needs a fresh one",
};

function outlivedError(outlived: Outlived): InstanceType<typeof errors.InvalidGrant> {
  const error = new errors.InvalidGrant({ detail: `outlived: ${outlived}` });
  error.error_description = OUTLIVED[outlived];
  return error;
}

async function clientEnabled({ clientId }: Issuing, { isClientEnabled }: IssuingSources): Promise<void> {
  if (!(await isClientEnabled(clientId))) throw new errors.InvalidClient("client is disabled");
}

/** Read again for each token: the next refresh of whoever administers no more is refused. */
async function ownApiAllowed(issuing: Issuing, { ownApi }: IssuingSources): Promise<void> {
  const refusal = await ownApiRefusal(ownApi, issuing);
  if (refusal !== undefined) throw new errors.InvalidScope(refusal, "");
}

/** What was refused once is never bound to again: whoever stole it would have the next token as well. */
async function proofKeyAllowed({ proofKey }: Issuing, { isProofKeyRefused }: IssuingSources): Promise<void> {
  if (proofKey !== undefined && (await isProofKeyRefused(proofKey))) refuse("proof_key_refused");
}

/** 503 and not an error of the client's: it has a key the next time. */
function signingKeyLive({ kid }: Issuing, { isKeyLive }: IssuingSources): void {
  if (kid !== undefined && !isKeyLive(kid)) throw keysError("signing_key_retired");
}

async function signingKeyStillLive(issuing: Issuing, sources: IssuingSources): Promise<void> {
  await sources.refreshKeys();
  signingKeyLive(issuing, sources);
}

/** Catches what the tables above do not show, such as a kill of everything before this horizon was reached. */
function verdictAllows(issuing: Issuing, { isDenied, issuer, clock }: IssuingSources): void {
  const now = wholeSeconds(clock);
  const claims = {
    iss: issuer,
    iat: now,
    exp: now + 1,
    sub: issuing.accountId ?? issuing.clientId,
    client_id: issuing.clientId,
    ...(issuing.audience === undefined ? {} : { aud: issuing.audience }),
    ...claimsOf(issuing),
  };
  if (isDenied(claims)) refuse("revoked");
}

/** The claims that revocation needs in the token. Throws when a step table forgot the horizon. */
export function claimsOf({ horizon, sessionUid, grantId, organization }: Issuing): {
  rv: number;
  sid?: string;
  gid?: string;
  org?: string;
} {
  if (horizon === undefined) throw new Error("no horizon was sampled");
  return {
    rv: horizon,
    ...(sessionUid === undefined ? {} : { sid: sessionUid }),
    ...(grantId === undefined ? {} : { gid: grantId }),
    ...(organization === undefined ? {} : { org: organization }),
  };
}

function refuse(detail: string): never {
  throw new errors.InvalidGrant({ detail });
}

/** Called between any two steps, with the name of the one that was just done. */
export type Failpoint = (done: string) => void | Promise<void>;

export interface IssuingPhase {
  /** When a token request arrives. Gives the horizon, if the table samples it then. */
  begin(): Promise<number | undefined>;
  /** When a token is about to be signed. Gives its claims, or throws what the client is told. */
  check(issuing: Omit<Issuing, "horizon">, horizon: number | undefined): Promise<ReturnType<typeof claimsOf>>;
  /** When all is signed, and before anything is stored or answered. Takes the keys that have signed. */
  finish(kids: readonly string[]): Promise<void>;
}

const NO_FACTS = {
  clientId: "",
  accountId: undefined,
  sessionUid: undefined,
  grantId: undefined,
  audience: undefined,
  withhold: () => {},
  timesHeld: async () => ({}),
  endBy: () => {},
};

export function createIssuingPhase(
  steps: readonly IssuingStep[],
  failpoint: Failpoint = () => {},
): IssuingPhase {
  async function runThose(when: IssuingStep["when"], issuing: Issuing): Promise<void> {
    for (const step of steps) {
      if (step.when !== when) continue;
      await step.run(issuing);
      await failpoint(step.name);
    }
  }
  return {
    async begin() {
      const issuing: Issuing = { ...NO_FACTS, kid: undefined, horizon: undefined };
      await runThose("request", issuing);
      return issuing.horizon;
    },
    async check(facts, horizon) {
      const issuing: Issuing = { ...facts, horizon };
      await runThose("token", issuing);
      return claimsOf(issuing);
    },
    async finish(kids) {
      for (const kid of kids) await runThose("answer", { ...NO_FACTS, kid, horizon: undefined });
    },
  };
}
