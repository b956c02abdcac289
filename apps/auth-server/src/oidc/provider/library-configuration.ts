/** What oidc-provider is told. Each departure from its defaults says why, or is named in docs/decisions/0002. */
import {
  type Clock,
  DEFAULT_SIGNING_ALGORITHM,
  type DiscoveryExtension,
  type Log,
  type RevocableClaims,
  SIGNING_ALGORITHMS,
} from "@portcullis/protocol";
import {
  type AdapterFactory,
  type Client,
  errors,
  type KoaContextWithOIDC,
  type Configuration as LibraryConfiguration,
  type ResourceServer,
} from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { OWN_METADATA } from "../../apps/app-settings.ts";
import { USERINFO_TOKEN_TTL_SECONDS } from "../../config/access-token-lifetime.ts";
import type { Configuration } from "../../config/load.ts";
import { keysError } from "../../keys/errors.ts";
import type { SigningKey } from "../../keys/signing-key.ts";
import type { Outgoing } from "../../outgoing/index.ts";
import { belowIssuer, pathOfIssuer } from "../../pages/below-issuer.ts";
import {
  AUTHORIZATION_CHALLENGE_PATH,
  interactionPath,
  REVOCATIONS_PATH,
  ROUTES,
  SESSION_EVENTS_PATH,
} from "../../paths.ts";
import type { Users } from "../../people/users.ts";
import { ONE_FACTOR } from "../../sign-in/authentication-context.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import { requestState } from "../request-state.ts";
import { CLAIMS_OF_SCOPE } from "../state/claims-of-scopes.ts";
import type { Consents } from "../state/consents.ts";
import type { GrantStore } from "../state/grant-store.ts";
import type { SessionTimes } from "../state/outlived-grants.ts";
import { type ApiClaims, createApiClaims } from "../tokens/api-claims.ts";
import { timesHeld } from "../tokens/held-times.ts";
import type { IssuingPhase } from "../tokens/issuing-phase.ts";
import { accessTokenLifetime, refreshTokenLifetime, withinConsent } from "../tokens/lifetimes.ts";
import type { OwnApiAccess } from "../tokens/own-api-access.ts";
import { apiFor, asGranted, defaultResource, resourceServerOf } from "../tokens/resources.ts";
import type { SessionLifetimes } from "../tokens/session-lifetimes.ts";
import { mayIntrospect, mayRevoke, NOT_YOURS_TO_REVOKE, type TokenOwner } from "../tokens/token-policy.ts";
import { openUserinfo } from "../tokens/userinfo-tokens.ts";
import { accountOf } from "./account-claims.ts";
import { appKeysFrom, checkAssertion } from "./app-keys.ts";
import type { RoomForApp } from "./app-limit-prompt.ts";
import { isOriginOf } from "./app-origins.ts";
import { isPkceRequired } from "./check-pkce.ts";
import { existingGrant } from "./existing-grant.ts";
import { needsFreshSignIn } from "./fresh-sign-in.ts";
import { interactionRules } from "./interaction-rules.ts";
import { logoutPages, renderError } from "./library-pages.ts";
import type { OpenSignIn } from "./open-sign-in.ts";
import { assertRequests } from "./requested-claims.ts";
import { SELECT_ACCOUNT } from "./select-account.ts";
import { librarySigningKey } from "./signing-keys.ts";

const ONE_HOUR = 60 * 60;

/** Seconds, of what is no part of a session. */
const TTL = {
  AuthorizationCode: 60,
  Interaction: ONE_HOUR,
  IdToken: ONE_HOUR,
};

export interface LibraryConfigurationOptions {
  readonly configuration: Configuration;
  readonly adapter: AdapterFactory;
  /** Private: of each algorithm the one that signs comes first. */
  readonly signingKeys: readonly SigningKey[];
  readonly cookieKeys: readonly string[];
  readonly users: Users;
  readonly apis: Apis;
  readonly clock: Clock;
  readonly grants: GrantStore;
  readonly consents: Consents;
  readonly issuing: IssuingPhase;
  readonly ownApi: OwnApiAccess;
  readonly outgoing: Outgoing;
  readonly lifetimes: SessionLifetimes;
  readonly openSignIn: OpenSignIn;
  readonly roomForApp: RoomForApp;
  readonly operatorLog: Log;
}

export function libraryConfiguration(options: LibraryConfigurationOptions): LibraryConfiguration {
  const { configuration, users, grants, consents, lifetimes, clock } = options;
  const apiClaims = createApiClaims(options);
  return {
    adapter: options.adapter,
    jwks: { keys: options.signingKeys.map(librarySigningKey) },
    cookies: cookiesOf(options),
    routes: ROUTES,
    // Its own would be another skew than that of all the rest.
    clockTolerance: configuration.clockSkewSeconds,
    features: featuresOf(options),
    ...algorithms(),
    scopes: [...Object.keys(CLAIMS_OF_SCOPE), "offline_access"],
    claims: Object.fromEntries(Object.entries(CLAIMS_OF_SCOPE).map(([scope, names]) => [scope, [...names]])),
    acrValues: [ONE_FACTOR],
    // Many apps read the ID token alone. It has what was granted, whether the access token is for an API or for UserInfo.
    conformIdTokenClaims: false,
    responseTypes: ["code"],
    clientAuthMethods: ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
    assertJwtClientAuthClaimsAndHeader: checkAssertion({
      clockSkewSeconds: configuration.clockSkewSeconds,
      nowSeconds: () => wholeSeconds(clock),
    }),
    pkce: { required: isPkceRequired },
    allowOmittingSingleRegisteredRedirectUri: false,
    extraClientMetadata: { properties: [...OWN_METADATA] },
    ttl: {
      ...TTL,
      // A session of nobody remembers a form at most: anybody can make them.
      Session: (_ctx, session) => (session.accountId === undefined ? ONE_HOUR : lifetimes.leftOf(session)),
      // No life of its own: it ends with its session, which grant-store.ts looks at.
      Grant: () => lifetimes.ofSession(),
      AccessToken: (ctx, token, client) => {
        const ofApi = accessTokenLifetime(client, lifetimeOfApi(token));
        return withinConsent(ofApi, { until: untilOf(ctx), clock });
      },
      ClientCredentials: (_ctx, token, client) => accessTokenLifetime(client, lifetimeOfApi(token)),
      RefreshToken: (ctx, token, client) =>
        refreshTokenLifetime({ ctx, token, client, longest: lifetimes.ofRefreshToken(), clock }),
    },
    findAccount: (_ctx, id) => accountOf(users, id),
    loadExistingGrant: (ctx) =>
      existingGrant(ctx, { grants, consents, apis: options.apis, lifeOf: lifetimes.leftOf }),
    // Claims first, the checks of the issuing phase after: one that has changed since makes the token stale, and not the next one wrong.
    extraTokenClaims: async (ctx, token) => ({
      ...(await apiClaims.of(ctx, token as IssuedToken)),
      ...signInClaims(ctx),
      ...(await revocableClaims(ctx, token, options)),
    }),
    formats: { customizers: { jwt: finishPayload(apiClaims, configuration.issuer) } },
    // Logout ends all that hangs below the session, `offline_access` included: that is the promise.
    expiresWithSession: () => true,
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed("refresh_token"),
    rotateRefreshToken: true,
    interactions: {
      url: (_ctx, interaction) => belowIssuer(configuration.issuer, interactionPath(interaction.uid)),
      policy: interactionRules({
        ownApi: options.ownApi,
        openSignIn: options.openSignIn,
        roomForApp: options.roomForApp,
        needsFreshSignIn: needsFreshSignIn({ apis: options.apis, grants, clock }),
      }),
    },
    renderError,
    fetch: fetchOf(options),
    clientBasedCORS: (_ctx, origin, client) => isOriginOf(client, origin),
    discovery: discoveryOf(configuration) as unknown as Record<string, string>,
  };
}

/**
 * What the library asks for is at a URL that somebody else has named: the keys of apps, and nothing else. It brings a dispatcher of
 * its own, which is passed over.
 */
function fetchOf({ outgoing }: LibraryConfigurationOptions): NonNullable<LibraryConfiguration["fetch"]> {
  const appKeys = appKeysFrom(outgoing.fetch);
  return (url) => appKeys(new URL(url instanceof Request ? url.url : url));
}

function cookiesOf({
  configuration,
  cookieKeys,
}: LibraryConfigurationOptions): LibraryConfiguration["cookies"] {
  const secure = configuration.issuer.startsWith("https:");
  // Lax: an app's redirect to us must bring the session; another site's form must not.
  const common = { signed: true, httpOnly: true, sameSite: "lax", secure } as const;
  return {
    keys: [...cookieKeys],
    names: { session: "_session", interaction: "_interaction", resume: "_interaction_resume" },
    long: { ...common, path: pathOfIssuer(configuration.issuer) || "/" },
    short: common,
  };
}

type Features = NonNullable<LibraryConfiguration["features"]>;

function featuresOf({ configuration, apis }: LibraryConfigurationOptions): Features {
  const { maxAccessTokenLifetimeSeconds } = configuration;
  const features: Features = {
    devInteractions: { enabled: false },
    // The acknowledged version fails at start with another one: the contract is in test/oidc/provider/signing-keys.test.ts.
    externalSigningSupport: { enabled: true, ack: "experimental-01" },
    claimsParameter: { enabled: true, assertClaimsParameter: (_ctx, claims) => assertRequests(claims) },
    // Verifiers do not check proofs yet: a bound token that is taken as a bearer token would promise too much.
    dPoP: { enabled: false },
    clientCredentials: { enabled: true },
    pushedAuthorizationRequests: { enabled: true },
    revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => allowsRevocation(client, token) },
    rpInitiatedLogout: { enabled: true, ...logoutPages },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client, oneOf) => defaultResource(ctx, client, oneOf) as never,
      // RFC 8707, section 2.2: a token request that names no resource gets the one that was granted.
      useGrantedResource: () => true,
      getResourceServerInfo: async (ctx, identifier, client) => {
        const api = await apiFor(apis, identifier, client);
        requestState(ctx).api = api;
        return resourceServerOf(
          asGranted(api, ctx.oidc.entities.Grant),
          client,
          maxAccessTokenLifetimeSeconds,
        );
      },
    },
  };
  const introspection = {
    enabled: true,
    allowedPolicy: (_ctx: KoaContextWithOIDC, client: Client, token: object) =>
      mayIntrospect(client, ownerOf(token)),
  };
  // Its declarations know introspection only together with a feature that we do not use.
  return { ...features, introspection } as Features;
}

interface ForApi {
  readonly resourceServer?: ResourceServer | undefined;
}

/** When the grant of a token that is being made ends by itself. Seconds. */
const untilOf = (ctx: KoaContextWithOIDC | undefined): number | undefined =>
  (ctx?.oidc.entities.Grant as { readonly until?: number } | undefined)?.until;

const lifetimeOfApi = ({ resourceServer }: ForApi): number =>
  resourceServer?.accessTokenTTL ?? USERINFO_TOKEN_TTL_SECONDS;

/** Of these the library offers those that it has a key of. No client secret is ever a signing key. */
function algorithms(): LibraryConfiguration {
  return {
    clientDefaults: { id_token_signed_response_alg: DEFAULT_SIGNING_ALGORITHM },
    enabledJWA: {
      idTokenSigningAlgValues: [...SIGNING_ALGORITHMS],
      clientAuthSigningAlgValues: ["ES256", "EdDSA", "Ed25519", "RS256", "PS256"],
    },
  };
}

/** As the library has looked it up. Who may not revoke is told so (RFC 7009, section 2.1). */
function allowsRevocation(client: Client, token: object): boolean {
  if (mayRevoke(client, ownerOf(token))) return true;
  throw new errors.InvalidRequest(NOT_YOURS_TO_REVOKE);
}

function ownerOf(token: object): TokenOwner {
  const { clientId, aud } = token as { clientId?: string; aud?: string };
  return { clientId, audience: aud };
}

interface IssuedToken extends ForApi {
  clientId?: string | undefined;
  accountId?: string | undefined;
  sessionUid?: string | undefined;
  grantId?: string | undefined;
  jkt?: string | undefined;
  aud?: string | readonly string[] | undefined;
  scope?: string | undefined;
  /** Seconds: what is answered as `expires_in`, and what the library makes it of. */
  readonly expiration: number;
  expiresIn?: number | undefined;
}

/**
 * When the person has signed in (RFC 9068, section 2.2.1): as the code says it, and the refresh token from then on. A refresh is no
 * sign-in, so that whoever asks for a fresh one (RFC 9470) is not satisfied by it.
 */
function signInClaims({ oidc }: KoaContextWithOIDC): { readonly auth_time?: number } {
  const { AuthorizationCode: code, RefreshToken: refreshToken } = oidc.entities;
  const authTime = code?.authTime ?? refreshToken?.authTime;
  return authTime === undefined ? {} : { auth_time: authTime };
}

/** Called for every access token that is made: see issuing-phase.ts. */
function revocableClaims(
  ctx: KoaContextWithOIDC,
  token: IssuedToken,
  { issuing, signingKeys, apis, clock }: LibraryConfigurationOptions,
): Promise<Pick<RevocableClaims, "rv" | "sid" | "gid" | "org">> {
  const { clientId, accountId, sessionUid, grantId, jkt, aud } = token;
  const kid = kidFor(token, signingKeys);
  return issuing.check(
    {
      clientId: clientId!,
      accountId,
      sessionUid,
      grantId,
      audience: aud,
      kid,
      proofKey: jkt,
      withhold: (permissions) => withhold(token, permissions),
      timesHeld: () => timesOfRequest(ctx, apis),
      endBy: (seconds) => endBy(token, seconds - wholeSeconds(clock)),
    },
    requestState(ctx).horizon,
  );
}

/** Whoever redeems a code has just come from the page that asked for the sign-in: only its age counts. */
async function timesOfRequest(ctx: KoaContextWithOIDC, apis: Apis): Promise<SessionTimes> {
  const times = await timesHeld(ctx, apis);
  const isRedemption = ctx.oidc.entities.AuthorizationCode !== undefined;
  return isRedemption ? { absoluteSeconds: times.absoluteSeconds } : times;
}

/** The library has read the lifetime before, as it has the scope below. */
function endBy(token: IssuedToken, leftSeconds: number): void {
  token.expiresIn = Math.max(1, Math.min(token.expiration, leftSeconds));
}

/** The library has read the scope before it asks for the claims; `customizers` below puts this one into the token. */
function withhold(token: IssuedToken, permissions: readonly string[]): void {
  if (permissions.length === 0) return;
  const left = (token.scope ?? "").split(" ").filter((word) => !permissions.includes(word));
  token.scope = left.join(" ") || undefined;
}

type Customizers = NonNullable<NonNullable<LibraryConfiguration["formats"]>["customizers"]>;

/** The scope and the life that are left, what else it opens, and the claims that there is room for with it. */
const finishPayload =
  (apiClaims: ApiClaims, issuer: string): NonNullable<Customizers["jwt"]> =>
  (ctx, token, { payload }) => {
    payload.scope = (token as IssuedToken).scope;
    const { expiration } = token as unknown as IssuedToken;
    payload.exp = Math.min(payload.exp as number, (payload.iat as number) + expiration);
    openUserinfo(ctx, { issuer, payload });
    apiClaims.fit(ctx, payload);
  };

/** Of the key that signs it; undefined for an opaque one. Throws `no_signing_key` for an algorithm of which there is none. */
function kidFor({ resourceServer }: ForApi, signingKeys: readonly SigningKey[]): string | undefined {
  const sign = resourceServer?.jwt?.sign;
  if (!sign) return undefined;
  const key = signingKeys.find(({ alg }) => alg === sign.alg);
  if (key === undefined) throw keysError("no_signing_key");
  return key.kid;
}

function discoveryOf({
  issuer,
  apiResource,
}: Configuration): DiscoveryExtension & Readonly<Record<string, unknown>> {
  return {
    authorization_challenge_endpoint: `${issuer}${AUTHORIZATION_CHALLENGE_PATH}`,
    portcullis_revocations_endpoint: `${issuer}${REVOCATIONS_PATH}`,
    portcullis_api_resource: apiResource,
    frontchannel_logout_supported: true,
    frontchannel_logout_session_supported: true,
    portcullis_session_events_endpoint: `${issuer}${SESSION_EVENTS_PATH}`,
    // Initiating User Registration 1.0, section 4: without "create", since nobody signs up here by himself.
    prompt_values_supported: ["none", "login", "consent", SELECT_ACCOUNT],
    // Ours, by the outbox: the library's own waits for each app before it ends anything.
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
  };
}
