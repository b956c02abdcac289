import * as oauth from "oauth4webapi";
import type { AuthorizationServer } from "./authorization-server.ts";
import { clientError } from "./errors.ts";
import type { Settings } from "./options.ts";

export interface SignInOptions {
  /** Given back by the callback: where in the app to go on. Default: the page's address now. */
  readonly returnTo?: string;
  /**
   * OpenID Connect Core, section 3.1.2.1, for example `login` or `consent`. With `none` the issuer asks the user nothing:
   * the page comes back signed in, or with nobody signed in, which is no error then.
   */
  readonly prompt?: string;
  readonly loginHint?: string;
}

/** What the callback must be checked against. Stored in the tab under its `state`, and used once. */
export interface SignInAttempt {
  readonly state: string;
  readonly nonce: string;
  readonly codeVerifier: string;
  readonly returnTo?: string;
  /** The user was to be asked nothing (`prompt=none`). */
  readonly silent?: boolean;
}

export async function createSignInUrl(
  settings: Settings,
  server: AuthorizationServer,
  options: SignInOptions = {},
): Promise<string> {
  const url = await server.pageUrl("authorization_endpoint");
  if (url === undefined) throw clientError("discovery_failed", { detail: "no authorization_endpoint" });
  const attempt = newAttempt(options.returnTo ?? settings.environment.page?.url, isSilent(options));
  const parameters = await authorizationParameters(settings, attempt, options);
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) url.searchParams.set(name, value);
  settings.environment.storage.setItem(attemptKey(settings, attempt.state), JSON.stringify(attempt));
  return url.href;
}

export const isSilent = ({ prompt }: SignInOptions = {}): boolean => prompt === "none";

/** `returnTo` undefined: there is no page to come back to. */
export function newAttempt(returnTo: string | undefined, silent: boolean): SignInAttempt {
  return {
    state: oauth.generateRandomState(),
    nonce: oauth.generateRandomNonce(),
    codeVerifier: oauth.generateRandomCodeVerifier(),
    ...(returnTo === undefined ? {} : { returnTo }),
    ...(silent ? { silent } : {}),
  };
}

export async function authorizationParameters(
  settings: Settings,
  attempt: SignInAttempt,
  options: SignInOptions,
) {
  return {
    response_type: "code",
    client_id: settings.clientId,
    redirect_uri: settings.redirectUri,
    scope: settings.scope,
    resource: settings.resource,
    state: attempt.state,
    nonce: attempt.nonce,
    code_challenge: await oauth.calculatePKCECodeChallenge(attempt.codeVerifier),
    code_challenge_method: "S256",
    prompt: options.prompt,
    login_hint: options.loginHint,
  };
}

/**
 * The attempt that a callback belongs to, removed from storage: a second callback with the same `state` finds
 * nothing. Undefined also when somebody else's sign-in link was opened here (login forgery).
 */
export function takeAttempt(settings: Settings, state: string): SignInAttempt | undefined {
  const { storage } = settings.environment;
  const key = attemptKey(settings, state);
  const stored = storage.getItem(key);
  storage.removeItem(key);
  return stored === null ? undefined : (JSON.parse(stored) as SignInAttempt);
}

const attemptKey = (settings: Settings, state: string): string => `${settings.prefix}:sign-in:${state}`;
