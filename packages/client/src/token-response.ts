import * as oauth from "oauth4webapi";
import { clientError } from "./errors.ts";
import type { Session } from "./session.ts";

/** A session from the answer to a code; lifetimes count from sending, so they end here first. */
export function sessionOf(
  tokens: oauth.TokenEndpointResponse,
  made: { id: string; generation: number; sentAtMs: number },
): Session {
  const user = oauth.getValidatedIdTokenClaims(tokens);
  if (user === undefined || tokens.id_token === undefined) throw clientError("response_refused");
  return {
    id: made.id,
    generation: made.generation,
    idToken: tokens.id_token,
    user: { ...user },
    ...tokensOf(tokens, made.sentAtMs),
  };
}

/** The next generation: a refresh may leave out the ID token and keep the refresh token. */
export function successorOf(
  session: Session,
  tokens: oauth.TokenEndpointResponse,
  sentAtMs: number,
): Session {
  const user = oauth.getValidatedIdTokenClaims(tokens);
  if (user !== undefined && user.sub !== session.user.sub) {
    // OpenID Connect Core, section 12.2: a refresh never changes who is signed in.
    throw clientError("response_refused", { detail: "the refreshed ID token names another subject" });
  }
  return {
    ...session,
    generation: session.generation + 1,
    ...(user === undefined ? {} : { user: { ...session.user, ...user }, idToken: tokens.id_token! }),
    ...tokensOf(tokens, sentAtMs),
  };
}

function tokensOf(tokens: oauth.TokenEndpointResponse, sentAtMs: number) {
  return {
    accessToken: tokens.access_token,
    // Without `expires_in` it is used until a service says no.
    accessTokenExpiresAtMs: tokens.expires_in === undefined ? Infinity : sentAtMs + tokens.expires_in * 1000,
    ...(tokens.refresh_token === undefined ? {} : { refreshToken: tokens.refresh_token }),
  };
}
