/**
 * Whom we try, and what each needs. To add one: its program in `interop/`, a line here, and what it imports in
 * `interop/package.json`.
 */

/** Settings of an app, as in the authorization server's configuration. */
interface AppSettings {
  readonly defaultApi?: string;
  readonly requirePkce?: boolean;
  readonly userinfoWithApiToken?: boolean;
  readonly idTokenAlgorithm?: string;
}

export interface Trial {
  readonly name: string;
  /** Where its version stands, below `interop/node_modules`. */
  readonly npmPackage: string;
  /** Below `interop/`. */
  readonly program: string;
  /** What an operator sets for it beside what every app has. */
  readonly ours: AppSettings;
  /** What its own configuration needs beyond issuer, client and scope, in a word each. */
  readonly theirs: readonly string[];
}

/** An app on a server: signs in through a browser, and calls the gateway by itself. */
export interface WebTrial extends Trial {
  readonly callbackPath: string;
  /** Absent if the library does not refresh; then why. */
  readonly noRefresh?: string;
  readonly isSignInByForm?: boolean;
}

export const ORDERS = "https://orders.portcullis.example";
/** Of a second API, for resource servers that know RS256 alone. */
export const RS256_API = "https://rs256.portcullis.example";

/** A library that sends no `resource` gets a token for the app's default API, and asks userinfo with it. */
const ONE_TOKEN = { defaultApi: ORDERS, userinfoWithApiToken: true } as const;

export const WEB_TRIALS: readonly WebTrial[] = [
  {
    name: "openid-client 6",
    npmPackage: "openid-client-6",
    program: "clients/openid-client-6.mjs",
    callbackPath: "/callback",
    ours: ONE_TOKEN,
    theirs: [],
  },
  {
    name: "openid-client 5",
    npmPackage: "openid-client-5",
    program: "clients/openid-client-5.mjs",
    callbackPath: "/callback",
    ours: { ...ONE_TOKEN, idTokenAlgorithm: "RS256" },
    theirs: [],
  },
  {
    name: "passport-openidconnect",
    npmPackage: "passport-openidconnect",
    program: "clients/passport-openidconnect.mjs",
    callbackPath: "/callback",
    ours: { ...ONE_TOKEN, requirePkce: false },
    theirs: ["`nonce: true`"],
    noRefresh: "the library has none",
  },
  {
    name: "express-openid-connect",
    npmPackage: "express-openid-connect",
    program: "clients/express-openid-connect.mjs",
    callbackPath: "/callback",
    ours: { ...ONE_TOKEN, idTokenAlgorithm: "RS256" },
    theirs: ['`response_type: "code"`'],
  },
  {
    name: "Auth.js 5 (@auth/express)",
    npmPackage: "@auth/express",
    program: "clients/auth-js.mjs",
    callbackPath: "/auth/callback/portcullis",
    ours: ONE_TOKEN,
    theirs: [],
  },
  {
    name: "better-auth (genericOAuth)",
    npmPackage: "better-auth",
    program: "clients/better-auth.mjs",
    callbackPath: "/api/auth/callback/portcullis",
    ours: ONE_TOKEN,
    theirs: [],
  },
];
