import * as oauth from "oauth4webapi";
import type { AuthorizationServer } from "./authorization-server.ts";
import { type Page, resolveEnvironment } from "./environment.ts";
import { clientError } from "./errors.ts";
import type { Settings } from "./options.ts";
import type { Session } from "./session.ts";
import { type SignInAttempt, takeAttempt } from "./sign-in.ts";
import { sessionOf } from "./token-response.ts";

/**
 * Takes an authorization response out of the page's address, at once and before any request is made: from
 * then on no Referer, no bookmark, no other script and no reload can see or repeat the code. `createClient`
 * does it; an app that must fetch its configuration first calls this before that, and gives the result to
 * `completeSignIn`.
 */
export function takeCallback(
  redirectUri: string,
  page: Page | undefined = resolveEnvironment().page,
): string | undefined {
  if (page === undefined) return undefined;
  const url = new URL(page.url);
  if (!isCallback(url, redirectUri)) return undefined;
  page.replaceUrl(withoutResponse(url));
  return url.href;
}

function isCallback(url: URL, redirectUri: string): boolean {
  const redirect = new URL(redirectUri);
  const { searchParams } = url;
  return (
    url.origin === redirect.origin &&
    url.pathname === redirect.pathname &&
    searchParams.has("state") &&
    (searchParams.has("code") || searchParams.has("error"))
  );
}

const RESPONSE_PARAMETERS = [
  "code",
  "state",
  "iss",
  "error",
  "error_description",
  "error_uri",
  "session_state",
];

function withoutResponse(url: URL): string {
  const clean = new URL(url);
  for (const name of RESPONSE_PARAMETERS) clean.searchParams.delete(name);
  return clean.href;
}

interface Redeemed {
  /** Absent when the issuer was to ask nothing, and would have had to. */
  readonly session: Session | undefined;
  readonly returnTo: string | undefined;
}

/**
 * Redeems an authorization response. In order: it belongs to an attempt of this tab (`state`), it comes from
 * this issuer (`iss`, RFC 9207), the code with the PKCE verifier, the ID token with the `nonce`.
 */
export async function redeemCallback(
  settings: Settings,
  server: AuthorizationServer,
  callback: URL,
): Promise<Redeemed> {
  const attempt = takeAttempt(settings, callback.searchParams.get("state") ?? "");
  if (attempt === undefined) throw clientError("sign_in_not_started");
  const metadata = await server.metadata();
  const parameters = checkResponse(metadata, server.client, callback, attempt);
  if (parameters === undefined) return { session: undefined, returnTo: attempt.returnTo };
  const session = await redeemCode(settings, server, { parameters, attempt });
  return { session, returnTo: attempt.returnTo };
}

/** The code, with the PKCE verifier, and then the ID token with the `nonce`. */
export async function redeemCode(
  settings: Settings,
  server: AuthorizationServer,
  { parameters, attempt }: { readonly parameters: URLSearchParams; readonly attempt: SignInAttempt },
): Promise<Session> {
  const metadata = await server.metadata();
  const sentAtMs = settings.environment.clock.wallMs();
  const response = await oauth.authorizationCodeGrantRequest(
    metadata,
    server.client,
    oauth.None(),
    parameters,
    settings.redirectUri,
    attempt.codeVerifier,
    { ...server.requestOptions, ...resourceParameter(settings) },
  );
  const tokens = await oauth
    .processAuthorizationCodeResponse(metadata, server.client, response, {
      expectedNonce: attempt.nonce,
      requireIdToken: true,
    })
    .catch((cause: unknown) => {
      throw refusedBy(cause);
    });
  return sessionOf(tokens, { id: oauth.generateRandomState(), generation: 0, sentAtMs });
}

export const resourceParameter = ({ resource }: Settings) =>
  resource === undefined ? {} : { additionalParameters: { resource } };

function checkResponse(
  metadata: oauth.AuthorizationServer,
  client: oauth.Client,
  callback: URL,
  attempt: SignInAttempt,
): URLSearchParams | undefined {
  try {
    return oauth.validateAuthResponse(metadata, client, callback, attempt.state);
  } catch (cause) {
    if (attempt.silent === true && wouldAsk(cause)) return undefined;
    throw refusedBy(cause);
  }
}

/** OpenID Connect Core, section 3.1.2.6. */
const WOULD_ASK = [
  "login_required",
  "consent_required",
  "interaction_required",
  "account_selection_required",
];

const wouldAsk = (cause: unknown): boolean =>
  cause instanceof oauth.AuthorizationResponseError && WOULD_ASK.includes(cause.error);

/** Whoever refuses an app has signed in before: the session at the server lives on. */
const REFUSED = "Access was refused to this app. You are still signed in at the authorization server.";

/** The server's own `error` is told apart from an answer that failed our checks. */
function refusedBy(cause: unknown) {
  if (cause instanceof oauth.AuthorizationResponseError || cause instanceof oauth.ResponseBodyError) {
    const text = cause.error === "access_denied" ? REFUSED : undefined;
    return clientError("sign_in_refused", { cause, detail: cause.error, ...(text && { text }) });
  }
  return clientError("response_refused", { cause });
}
