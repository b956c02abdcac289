/** Tokens of a person, for a native app (RFC 8252): authorization code with PKCE, refreshing, and giving them back. */
import * as oauth from "oauth4webapi";
import type { AskOptions } from "./ask-issuer.ts";
import { type IssuerMetadata, requestOptions } from "./discover-issuer.ts";
import { endpointOf } from "./endpoints.ts";
import { isIssuerError, issuerError } from "./errors.ts";
import { quoteText } from "./quote-others.ts";

export interface SignInSettings extends AskOptions {
  readonly metadata: IssuerMetadata;
  /** A public client: it has no secret that it could keep. */
  readonly clientId: string;
}

export interface SignInRequest extends SignInSettings {
  /** The one that the request names must be the one that the code is redeemed with, its port included. */
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** The API that the tokens are for (RFC 8707). */
  readonly resource: string;
}

export interface PersonTokens {
  readonly accessToken: string;
  readonly expiresInSeconds: number;
  /** Absent when the answer has none: then the one of before stays. */
  readonly refreshToken?: string;
  /** Of the ID token, whose issuer, audience and times were checked. It came from the token endpoint itself (OpenID Connect Core, section 3.1.3.7). */
  readonly claims?: Readonly<Record<string, unknown>>;
}

export interface BegunSignIn {
  /** For the person's browser. */
  readonly url: URL;
  /** Whether this answer belongs to this sign-in (`state`). Anything on the machine can call the redirect URI. */
  isAnswer(callback: URL): boolean;
  /** Rejects with `sign_in_refused` when the issuer or the person said no. */
  redeem(callback: URL): Promise<PersonTokens>;
}

export async function beginSignIn(request: SignInRequest): Promise<BegunSignIn> {
  const { metadata, clientId, redirectUri, scopes, resource } = request;
  const codeVerifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const url = endpointOf(metadata, "authorization_endpoint");
  const parameters = {
    client_id: clientId,
    response_type: "code",
    redirect_uri: redirectUri,
    scope: scopes.join(" "),
    resource,
    state,
    code_challenge: await oauth.calculatePKCECodeChallenge(codeVerifier),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  return {
    url,
    isAnswer: (callback) => callback.searchParams.get("state") === state,
    redeem: (callback) =>
      explaining(request, async () => {
        const client = { client_id: clientId };
        const answer = oauth.validateAuthResponse(metadata, client, callback, state);
        endpointOf(metadata, "token_endpoint");
        const response = await oauth.authorizationCodeGrantRequest(
          metadata,
          client,
          oauth.None(),
          answer,
          redirectUri,
          codeVerifier,
          requestOptions(request),
        );
        return tokensIn(await oauth.processAuthorizationCodeResponse(metadata, client, response));
      }),
  };
}

/** Rejects with `sign_in_over` when the refresh token is good no more, and with `sign_in_refused` when the person may not have the scopes any more. */
export function refreshPersonTokens(settings: SignInSettings, refreshToken: string): Promise<PersonTokens> {
  const { metadata, clientId } = settings;
  const client = { client_id: clientId };
  return explaining(settings, async () => {
    endpointOf(metadata, "token_endpoint");
    const response = await oauth.refreshTokenGrantRequest(
      metadata,
      client,
      oauth.None(),
      refreshToken,
      requestOptions(settings),
    );
    return tokensIn(await oauth.processRefreshTokenResponse(metadata, client, response));
  });
}

/** Gives the token back (RFC 7009), and with it the whole authorization. One that is good no more is no failure. */
export function revokePersonToken(settings: SignInSettings, token: string): Promise<void> {
  const { metadata, clientId } = settings;
  return explaining(settings, async () => {
    endpointOf(metadata, "revocation_endpoint");
    const client = { client_id: clientId };
    const response = await oauth.revocationRequest(
      metadata,
      client,
      oauth.None(),
      token,
      requestOptions({ ...askOptionsOf(settings), mayBeEmpty: true }),
    );
    await oauth.processRevocationResponse(response);
  });
}

const askOptionsOf = ({ fetch, timeoutMs, signal }: AskOptions): AskOptions => ({ fetch, timeoutMs, signal });

const LIFETIME_WHEN_UNSAID_SECONDS = 60;

function tokensIn(answer: oauth.TokenEndpointResponse): PersonTokens {
  const claims = oauth.getValidatedIdTokenClaims(answer);
  return {
    accessToken: answer.access_token,
    expiresInSeconds: answer.expires_in ?? LIFETIME_WHEN_UNSAID_SECONDS,
    ...(answer.refresh_token === undefined ? {} : { refreshToken: answer.refresh_token }),
    ...(claims === undefined ? {} : { claims }),
  };
}

async function explaining<Value>({ metadata }: SignInSettings, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    throw failureOf(cause, metadata.issuer);
  }
}

function failureOf(cause: unknown, issuer: string) {
  if (isIssuerError(cause) || (cause instanceof DOMException && cause.name === "AbortError")) return cause;
  if (cause instanceof oauth.ResponseBodyError && cause.error === "invalid_grant")
    return issuerError("sign_in_over", { text: `${issuer} says that the sign-in is over.`, cause });
  if (cause instanceof oauth.ResponseBodyError || cause instanceof oauth.AuthorizationResponseError)
    return issuerError("sign_in_refused", { text: `${issuer} refuses: ${saidBy(cause)}.`, cause });
  return issuerError("issuer_unreadable", { text: `${issuer} gives an answer that is no token.`, cause });
}

/** Returns what the issuer says of it. */
function saidBy({
  error,
  error_description: description,
}: oauth.ResponseBodyError | oauth.AuthorizationResponseError) {
  return quoteText(description === undefined ? error : `${error}: ${description}`);
}
