/** Where the library's model classes are made to fit: our identifiers, and one way to end a session. */
import { SIGNING_ALGORITHMS } from "@portcullis/protocol";
import { decodeProtectedHeader } from "jose";
import { errors, type KoaContextWithOIDC, type Provider } from "oidc-provider";
import { matchingSecret } from "../../apps/client-secrets.ts";
import { newIdentifier, type RandomBytes } from "../../secrets/identifiers.ts";
import type { StoredTimes } from "../../storage/stored-time.ts";
import { requestState } from "../request-state.ts";
import { NO_SIGN_IN } from "../state/session-store.ts";
import { isIdTokenHeader } from "../tokens/own-id-token.ts";

export interface ModelOptions {
  readonly times: StoredTimes;
  readonly randomBytes: RandomBytes;
  /** Ends the session and all below it and appends it to the log, in one transaction. */
  readonly endSession: (session: { uid: string; accountId?: string | undefined }) => Promise<unknown>;
  /** Called with the id of a secret that an app has just shown. */
  readonly noteSecretUse: (id: string) => void;
}

/** Once, right after the provider was made and before its first request. */
export function adaptModels(provider: Provider, options: ModelOptions): void {
  identifySessions(provider, options);
  nameSessionsInIdTokens(provider);
  placeIdTokensInLog(provider);
  identifySignIns(provider, options.randomBytes);
  ageSignIns(provider, options);
  identifyGrants(provider, options.randomBytes);
  identifyAccessTokens(provider, options.randomBytes);
  endSessionsThroughLog(provider, options);
  compareHashedSecrets(provider, options);
  compareRedirectUris(provider);
  verifyHints(provider);
  partReplays(provider);
}

/** A class of the library, as far as its declarations leave out what is changed here. */
interface ModelClass {
  IN_PAYLOAD: string[];
  instantiate(payload?: object): object;
  prototype: Record<string, unknown>;
}

const classOf = (model: unknown): ModelClass => model as ModelClass;

/** The claim `sid` is the session's `uid`: 128 bits in our spelling, not the library's 43 characters. */
function identifySessions(provider: Provider, { randomBytes }: ModelOptions): void {
  const Session = classOf(provider.Session);
  const original = Session.instantiate;
  Session.instantiate = function instantiate(this: ModelClass, payload?: { uid?: string }) {
    const session = original.call(this, payload) as { uid: string };
    if (payload?.uid === undefined) session.uid = newIdentifier(randomBytes);
    return session;
  };
}

/**
 * ID tokens carry the same `sid` as access tokens: as a hint at sign-out they name the session that is meant. The library
 * would have one for each client, and give it to few.
 */
function nameSessionsInIdTokens(provider: Provider): void {
  classOf(provider.Client).prototype.includeSid = () => true;
  classOf(provider.Session).prototype.sidFor = function sidFor(
    this: { uid: string },
    _client: string,
    set?: string,
  ) {
    return set === undefined ? this.uid : undefined;
  };
}

/**
 * ID tokens carry the same `gid` and `rv` as the access tokens that are made with them. So whatever ends the one is seen in the
 * other, in the same order: the endpoint for session events judges its callers by that (docs/decisions/0061-forced-logout-notice.md).
 */
function placeIdTokensInLog(provider: Provider): void {
  interface IdToken {
    readonly ctx?: KoaContextWithOIDC;
    set(claim: string, value: unknown): void;
  }
  type Issue = (this: IdToken, options: { readonly use?: string }) => Promise<string>;
  const prototype = classOf(provider.IdToken).prototype as { issue: Issue };
  const original = prototype.issue;
  prototype.issue = function issue(this: IdToken, options) {
    const grantId = this.ctx?.oidc.entities.Grant?.jti;
    const horizon = this.ctx && requestState(this.ctx).horizon;
    if (options.use === "idtoken" && grantId !== undefined && horizon !== undefined) {
      this.set("gid", grantId);
      this.set("rv", horizon);
    }
    return original.call(this, options);
  };
}

/**
 * Each sign-in of a session has a name, and names the one before it: the store tells by that, and by no clock, whether
 * what is saved comes from before a sign-in or after it.
 */
function identifySignIns(provider: Provider, randomBytes: RandomBytes): void {
  interface SignedIn {
    signInId?: string;
    signedInAfter?: string;
  }
  const Session = classOf(provider.Session);
  addMembers(Session, ["signInId", "signedInAfter"]);
  const original = Session.prototype.loginAccount as (this: SignedIn, details: object) => void;
  Session.prototype.loginAccount = function loginAccount(this: SignedIn, details: object) {
    original.call(this, details);
    this.signedInAfter = this.signInId ?? NO_SIGN_IN;
    this.signInId = newIdentifier(randomBytes);
  };
}

/** `max_age`: a sign-in later than now, by more than clocks may differ, is of unknown age, and so too old. */
function ageSignIns(provider: Provider, { times }: ModelOptions): void {
  classOf(provider.Session).prototype.past = function past(this: { loginTs?: number }, age: number | string) {
    return this.loginTs === undefined || !times.isWithin(this.loginTs * 1000, (Number(age) + 1) * 1000);
  };
}

function addMembers(Model: ModelClass, names: readonly string[]): void {
  const members = [...Model.IN_PAYLOAD, ...names];
  Object.defineProperty(Model, "IN_PAYLOAD", { get: () => members });
}

/** The claim `gid` is the grant's id. A grant knows its session: the two live and end together. */
function identifyGrants(provider: Provider, randomBytes: RandomBytes): void {
  const Grant = classOf(provider.Grant);
  addMembers(Grant, ["sessionUid", "scopeEditions", "editions", "once", "until"]);
  Grant.prototype.generateTokenId = () => newIdentifier(randomBytes);
}

/** The claim `jti`. An opaque token's id is the token itself: that one keeps the library's length. */
function identifyAccessTokens(provider: Provider, randomBytes: RandomBytes): void {
  for (const Model of [provider.AccessToken, provider.ClientCredentials].map(classOf)) {
    const original = Model.prototype.generateTokenId as (this: unknown) => string;
    Model.prototype.generateTokenId = function generateTokenId(this: { format?: string }) {
      // First: it chooses the format.
      const opaque = original.call(this);
      return this.format === "jwt" ? newIdentifier(randomBytes) : opaque;
    };
  }
}

/** The adapter cannot tell ending a session from rotating its id: the model can. */
function endSessionsThroughLog(provider: Provider, { endSession }: ModelOptions): void {
  interface Ending {
    uid: string;
    accountId?: string;
    destroyed: boolean;
  }
  classOf(provider.Session).prototype.destroy = async function destroy(this: Ending) {
    await endSession(this);
    this.destroyed = true;
  };
}

function compareHashedSecrets(provider: Provider, { noteSecretUse }: ModelOptions): void {
  classOf(provider.Client).prototype.compareClientSecret = function compareClientSecret(
    this: { clientId: string; clientSecret?: string },
    secret: string,
  ) {
    const id = matchingSecret({ clientId: this.clientId, written: this.clientSecret }, secret);
    if (id !== undefined) noteSecretUse(id);
    return id !== undefined;
  };
}

/**
 * An ID token of ours is a hint as long as its key is published, with whatever algorithm: the library takes only the one that
 * the app has today, and an app keeps its ID tokens for longer than its settings. What the header names is one of ours, so that
 * no secret of a client ever verifies anything.
 */
function verifyHints(provider: Provider): void {
  interface HintClient {
    readonly clientId: string;
    readonly idTokenSignedResponseAlg: string;
  }
  type Validate = (jwt: string, client: HintClient) => Promise<unknown>;
  const IdToken = provider.IdToken as unknown as { validate: Validate };
  const original = IdToken.validate;
  IdToken.validate = async (jwt, { clientId, idTokenSignedResponseAlg: today }) => {
    const header = decodeProtectedHeader(jwt);
    if (!isIdTokenHeader(header))
      throw new errors.InvalidRequest("id_token_hint is another token than an ID token");
    const { alg } = header;
    const isOurs = (SIGNING_ALGORITHMS as readonly (string | undefined)[]).includes(alg);
    return original.call(IdToken, jwt, { clientId, idTokenSignedResponseAlg: isOurs ? alg! : today });
  };
}

/**
 * What is shown once (an assertion, RFC 7523, section 3) is remembered by who shows it and by its name. The library joins the two
 * without a mark between them: the app `web-2` with `first` would spend what the app `web` calls `-2first`, and one app could so
 * refuse another's assertions. With its length before it a name ends where it ends. A time may have a fraction (RFC 7519, section 2),
 * and our rows have whole seconds: rounded up, a row outlives what it remembers.
 */
function partReplays(provider: Provider): void {
  type Unique = (issuer: string, name: string, expiresAt: number) => Promise<boolean>;
  const ReplayDetection = provider.ReplayDetection as unknown as { unique: Unique };
  const original = ReplayDetection.unique;
  ReplayDetection.unique = (issuer, name, expiresAt) =>
    original.call(ReplayDetection, `${issuer.length}:${issuer}`, name, Math.ceil(expiresAt));
}

interface RedirectUris {
  readonly applicationType: string;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
}

/**
 * Character by character, as they are registered. A native app listens on whatever port is free: of an address that is
 * this machine any port is as good (RFC 8252, section 7.3). The library takes `localhost` too, which a resolver may lead
 * elsewhere (section 8.3).
 */
function compareRedirectUris(provider: Provider): void {
  const Client = classOf(provider.Client);
  Client.prototype.redirectUriAllowed = function redirectUriAllowed(this: RedirectUris, uri: string) {
    return isAmong(this.redirectUris, uri, this.applicationType);
  };
  Client.prototype.postLogoutRedirectUriAllowed = function allowed(this: RedirectUris, uri: string) {
    return isAmong(this.postLogoutRedirectUris, uri, this.applicationType);
  };
}

function isAmong(registered: readonly string[], uri: string, applicationType: string): boolean {
  if (registered.includes(uri)) return true;
  const bare = applicationType === "native" ? withoutPort(uri) : undefined;
  return bare !== undefined && registered.some((known) => withoutPort(known) === bare);
}

const ON_LOOPBACK = /^http:\/\/(127\.0\.0\.1|\[::1\])(?::([1-9]\d{0,4}))?(\/[^#]*)?$/;

/** Undefined unless it is plain http to a loopback address in its one spelling. What follows the port is as it is written. */
function withoutPort(uri: string): string | undefined {
  const [, host, port = "80", rest = ""] = ON_LOOPBACK.exec(uri) ?? [];
  return host === undefined || Number(port) > 65_535 ? undefined : `${host}${rest}`;
}
