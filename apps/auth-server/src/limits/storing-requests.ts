/**
 * Every request by which somebody who proved nothing can make this server store something. To add an endpoint: a line
 * here, or in `STORES_NOTHING` with the reason; a test compares both with what is mounted.
 */
import { AUTHORIZATION_CHALLENGE_PATH, ROUTES } from "../paths.ts";

/** Names of settings below `limits`: requests of one address in a minute. */
export type LimitSetting =
  | "authorizationRequestsPerMinute"
  | "pushedRequestsPerMinute"
  | "signOutsPerMinute"
  | "signInAttemptsPerMinute";

export interface StoringRequest {
  readonly method: "any" | "POST";
  readonly route: string;
  readonly setting: LimitSetting;
}

export const STORING_REQUESTS: readonly StoringRequest[] = [
  // An interaction.
  { method: "any", route: ROUTES.authorization, setting: "authorizationRequestsPerMinute" },
  // The session of a browser whose cookie leads nowhere any more.
  { method: "any", route: `${ROUTES.authorization}/:uid`, setting: "authorizationRequestsPerMinute" },
  // A pushed request: for a public client anybody sends it.
  { method: "any", route: ROUTES.pushed_authorization_request, setting: "pushedRequestsPerMinute" },
  // Nothing any more for strangers; a signature is verified.
  { method: "any", route: ROUTES.end_session, setting: "signOutsPerMinute" },
  { method: "any", route: `${ROUTES.end_session}/confirm`, setting: "signOutsPerMinute" },
  // Counts of wrong guesses.
  { method: "POST", route: "/interaction/:uid", setting: "signInAttemptsPerMinute" },
  { method: "POST", route: `${ROUTES.end_session}/sign-in`, setting: "signInAttemptsPerMinute" },
  { method: "POST", route: AUTHORIZATION_CHALLENGE_PATH, setting: "signInAttemptsPerMinute" },
  { method: "POST", route: "/account/sign-in", setting: "signInAttemptsPerMinute" },
];

/** All other routes, or what they are below, and why nobody who proved nothing makes them store something. */
export const STORES_NOTHING: Readonly<Record<string, string>> = {
  [ROUTES.token]: "stores for whoever holds a code, a refresh token or a secret",
  [ROUTES.userinfo]: "only reads",
  [ROUTES.jwks]: "only reads",
  [ROUTES.revocation]: "stores for whoever holds the token",
  [ROUTES.introspection]: "only reads",
  [`${ROUTES.end_session}/apps`]: "only reads",
  [`${ROUTES.end_session}/success`]: "only reads",
  "/.well-known": "only reads",
  "/": "leads to the account page",
  "/interaction/:uid": "only reads, except to a POST",
  [`${ROUTES.end_session}/sign-in`]: "only reads, except to a POST",
  "/session/events": "only reads, and so many at once (open-streams.ts)",
  [AUTHORIZATION_CHALLENGE_PATH]: "stores nothing, except for a POST",
  "/setup/:token": "stores for whoever holds a link that is good, once",
  "/account": "stores for whoever is signed in, and a bounded number of rows a session",
  "/health": "writes over one row, every few seconds at most",
  "/assets": "only reads",
  "/revocations": "stores for a client that proved itself",
  "/api": "stores for a client that proved itself",
};
