/**
 * Whom we try, and what each needs. To add one: its program in `interop/`, a line here, and what it imports in
 * `interop/package.json`.
 */

export type Step =
  | "sign in"
  | "sign in by popup"
  | "call"
  | "refresh"
  | "silent renew"
  | "renew by prompt=none"
  | "sign out"
  | "refused at once"
  | "signed out by back-channel"
  | "takes our token"
  | "refuses another API's";

/** Settings of an app or an API, as in the authorization server's configuration. */
interface Settings {
  readonly defaultApi?: string;
  readonly requirePkce?: boolean;
  readonly userinfoWithApiToken?: boolean;
  readonly idTokenAlgorithm?: string;
  readonly algorithm?: string;
  readonly grantTypes?: readonly string[];
}

/** A setting that makes a trial short, and is none that the client needs. */
interface ForTheTrial {
  readonly accessTokenTtlSeconds?: number;
}

export type Registry = "npm" | "debian" | "python" | "go" | "maven";

/** The registry that a library is from, and its name there. */
export interface Source {
  readonly registry: Registry;
  readonly package: string;
}

export interface Trial {
  readonly name: string;
  /** Where its version stands. */
  readonly from: Source;
  /** Below `interop/`. */
  readonly program: string;
  /** What an operator sets for it beside what every app has. */
  readonly ours: Settings;
  /** What its own configuration needs beyond issuer, client and scope, in a word each. */
  readonly theirs: readonly string[];
}

/** An app on a server: signs in through a browser, and calls the gateway by itself. */
export interface WebTrial extends Trial {
  readonly callbackPath: string;
  /** Absent if the library does not refresh; then why. */
  readonly noRefresh?: string;
  /** Where it takes logout tokens (OpenID Connect Back-Channel Logout 1.0). */
  readonly logoutPath?: string;
  /** Where it publishes its keys, if it signs assertions in place of a secret (RFC 7523). */
  readonly keysPath?: string;
}

/** An app in a browser alone, without a secret. */
export interface PageTrial extends Trial {
  /** Below `interop/pages`. */
  readonly page: string;
  readonly hasPopup: boolean;
  /** How it gets its next token. */
  readonly renewal: Step;
  readonly forTheTrial?: ForTheTrial;
}

/** A resource server that verifies access tokens by itself: it sees no revocations, unless it asks (RFC 7662). */
export interface ServiceTrial extends Trial {
  readonly isService: true;
  /** Of the API that it is. */
  readonly audience: string;
  /** Another API, whose tokens are signed with the same algorithm: nothing but the audience tells them apart. */
  readonly another: string;
  readonly introspects?: true;
}

export const ORDERS = "https://orders.portcullis.example";
const SCOPES = { "orders.read": "See your orders" } as const;
/** Of which no resource server is tried: each must refuse their tokens. */
const BILLING = { identifier: "https://billing.portcullis.example", name: "Billing", scopes: SCOPES };
const BY_RS256 = { algorithm: "RS256", scopes: SCOPES } as const;
/** For resource servers that know RS256 alone. */
const RS256_API = { identifier: "https://rs256.portcullis.example", name: "Orders, by RS256", ...BY_RS256 };
const RS256_BILLING = {
  identifier: "https://rs256-billing.portcullis.example",
  name: "Billing, by RS256",
  ...BY_RS256,
};
/** Beside the one that the stack has. */
export const APIS = [BILLING, RS256_API, RS256_BILLING] as const;

/** A library that sends no `resource` gets a token for the app's default API, and asks userinfo with it. */
const ONE_TOKEN = { defaultApi: ORDERS, userinfoWithApiToken: true } as const;

export const WEB_TRIALS: readonly WebTrial[] = [
  {
    name: "openid-client 6",
    from: { registry: "npm", package: "openid-client-6" },
    program: "clients/openid-client-6.mjs",
    callbackPath: "/callback",
    ours: ONE_TOKEN,
    theirs: [],
  },
  {
    name: "openid-client 6, private_key_jwt",
    from: { registry: "npm", package: "openid-client-6" },
    program: "clients/openid-client-6-private-key-jwt.mjs",
    callbackPath: "/callback",
    keysPath: "/jwks.json",
    ours: ONE_TOKEN,
    theirs: [],
  },
  {
    name: "openid-client 5",
    from: { registry: "npm", package: "openid-client-5" },
    program: "clients/openid-client-5.mjs",
    callbackPath: "/callback",
    ours: { ...ONE_TOKEN, idTokenAlgorithm: "RS256" },
    theirs: [],
  },
  {
    name: "passport-openidconnect",
    from: { registry: "npm", package: "passport-openidconnect" },
    program: "clients/passport-openidconnect.mjs",
    callbackPath: "/callback",
    ours: { ...ONE_TOKEN, requirePkce: false },
    theirs: ["`nonce: true`"],
    noRefresh: "the library has none",
  },
  {
    name: "express-openid-connect",
    from: { registry: "npm", package: "express-openid-connect" },
    program: "clients/express-openid-connect.mjs",
    callbackPath: "/callback",
    ours: { ...ONE_TOKEN, idTokenAlgorithm: "RS256" },
    theirs: ['`response_type: "code"`'],
  },
  {
    name: "Auth.js 5 (@auth/express)",
    from: { registry: "npm", package: "@auth/express" },
    program: "clients/auth-js.mjs",
    callbackPath: "/auth/callback/portcullis",
    ours: ONE_TOKEN,
    theirs: [],
  },
  {
    name: "better-auth (genericOAuth)",
    from: { registry: "npm", package: "better-auth" },
    program: "clients/better-auth.mjs",
    callbackPath: "/api/auth/callback/portcullis",
    ours: ONE_TOKEN,
    theirs: [],
  },
];

/** They need more than Node: see tools/interop.ts and install.ts. */
export const OTHER_WEB_TRIALS: readonly WebTrial[] = [
  {
    name: "Authlib (Flask)",
    from: { registry: "python", package: "Authlib" },
    program: "clients/authlib_app.py",
    callbackPath: "/callback",
    ours: ONE_TOKEN,
    theirs: ['`code_challenge_method: "S256"`'],
  },
  {
    name: "requests-oauthlib (Flask)",
    from: { registry: "python", package: "requests-oauthlib" },
    program: "clients/requests_oauthlib_app.py",
    callbackPath: "/callback",
    ours: ONE_TOKEN,
    theirs: ['`pkce="S256"`'],
  },
  {
    name: "python-social-auth (Django)",
    from: { registry: "python", package: "social-auth-core" },
    program: "clients/python_social_auth_app.py",
    callbackPath: "/complete/oidc/",
    ours: { ...ONE_TOKEN, requirePkce: false, idTokenAlgorithm: "RS256" },
    theirs: [],
  },
  {
    name: "OmniAuth (openid_connect strategy)",
    from: { registry: "debian", package: "ruby-omniauth-openid-connect" },
    program: "clients/omniauth_app.rb",
    callbackPath: "/auth/openid_connect/callback",
    ours: { ...ONE_TOKEN, requirePkce: false },
    theirs: ["`jwks_uri`"],
    noRefresh: "the library has none",
  },
  {
    name: "mod_auth_openidc",
    from: { registry: "debian", package: "libapache2-mod-auth-openidc" },
    program: "clients/mod-auth-openidc.mjs",
    callbackPath: "/callback",
    logoutPath: "/callback?logout=backchannel",
    ours: { ...ONE_TOKEN, requirePkce: false },
    theirs: [],
  },
  {
    name: "oauth2-proxy",
    from: { registry: "go", package: "github.com/oauth2-proxy/oauth2-proxy/v7" },
    program: "clients/oauth2-proxy.mjs",
    callbackPath: "/oauth2/callback",
    ours: ONE_TOKEN,
    theirs: ["`code-challenge-method: S256`"],
  },
  {
    name: "go-oidc, golang.org/x/oauth2",
    from: { registry: "go", package: "github.com/coreos/go-oidc/v3" },
    program: "go/.bin/relying-party",
    callbackPath: "/callback",
    ours: ONE_TOKEN,
    theirs: ["`S256ChallengeOption`"],
  },
  {
    name: "Spring Security (Boot's oauth2-client starter)",
    from: { registry: "maven", package: "spring-boot-starter-parent" },
    program: "java/target/interop-0.0.0-client.jar",
    callbackPath: "/login/oauth2/code/portcullis",
    logoutPath: "/logout/connect/back-channel/portcullis",
    ours: { ...ONE_TOKEN, idTokenAlgorithm: "RS256" },
    theirs: [],
  },
];

export const PAGE_TRIALS: readonly PageTrial[] = [
  {
    name: "oidc-client-ts",
    from: { registry: "npm", package: "oidc-client-ts" },
    program: "pages/serve.mjs",
    page: "oidc-client-ts.html",
    ours: { defaultApi: ORDERS },
    theirs: [],
    hasPopup: true,
    renewal: "silent renew",
    // It renews a minute before the end.
    forTheTrial: { accessTokenTtlSeconds: 64 },
  },
  {
    name: "keycloak-js (any OpenID provider)",
    from: { registry: "npm", package: "keycloak-js" },
    program: "pages/serve.mjs",
    page: "keycloak-js.html",
    // It takes a refresh token for a JWT, and ours are none.
    ours: { defaultApi: ORDERS, grantTypes: ["authorization_code"] },
    theirs: ["`oidcProvider`", "`checkLoginIframe: false`"],
    hasPopup: false,
    renewal: "renew by prompt=none",
  },
];

export const SERVICE_TRIALS: readonly ServiceTrial[] = [
  {
    name: "express-oauth2-jwt-bearer",
    from: { registry: "npm", package: "express-oauth2-jwt-bearer" },
    program: "services/express-oauth2-jwt-bearer.mjs",
    isService: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: [],
  },
  {
    name: "@okta/jwt-verifier",
    from: { registry: "npm", package: "@okta/jwt-verifier" },
    program: "services/okta-jwt-verifier.mjs",
    isService: true,
    audience: RS256_API.identifier,
    another: RS256_BILLING.identifier,
    ours: { algorithm: "RS256" },
    theirs: ["`jwksUri`"],
  },
  {
    name: "jose (createRemoteJWKSet)",
    from: { registry: "npm", package: "jose" },
    program: "services/jose.mjs",
    isService: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: ["`typ: at+jwt`"],
  },
  {
    name: "@fastify/jwt with get-jwks",
    from: { registry: "npm", package: "@fastify/jwt" },
    program: "services/fastify-jwt.mjs",
    isService: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: ["`providerDiscovery: true`", "`checkTyp: at+jwt`"],
  },
];

/** They need more than Node, as `OTHER_WEB_TRIALS` do. */
export const OTHER_SERVICE_TRIALS: readonly ServiceTrial[] = [
  {
    name: "Authlib (ResourceProtector, RFC 9068)",
    from: { registry: "python", package: "Authlib" },
    program: "services/authlib_service.py",
    isService: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: [],
  },
  {
    name: "mod_auth_openidc (AuthType oauth20, introspection)",
    from: { registry: "debian", package: "libapache2-mod-auth-openidc" },
    program: "services/mod-auth-openidc-oauth20.mjs",
    isService: true,
    introspects: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: ["`OIDCOAuthTokenIntrospectionInterval -1`"],
  },
  {
    name: "HAProxy (jwt_verify)",
    from: { registry: "debian", package: "haproxy" },
    program: "services/haproxy.mjs",
    isService: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: ["our key in a file, made anew at each rotation"],
  },
  {
    name: "Spring Security (Boot's oauth2-resource-server starter)",
    from: { registry: "maven", package: "spring-boot-starter-parent" },
    program: "java/target/interop-0.0.0-service.jar",
    isService: true,
    audience: ORDERS,
    another: BILLING.identifier,
    ours: {},
    theirs: ["`validateType(false)`", '`JwtTypeValidator("at+jwt")`'],
  },
  {
    name: "Spring Security (Boot's oauth2-resource-server starter), RS256",
    from: { registry: "maven", package: "spring-boot-starter-parent" },
    program: "java/target/interop-0.0.0-service.jar",
    isService: true,
    audience: RS256_API.identifier,
    another: RS256_BILLING.identifier,
    ours: { algorithm: "RS256" },
    theirs: ["`validateType(false)`", '`JwtTypeValidator("at+jwt")`'],
  },
];
