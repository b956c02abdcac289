import * as oauth from "oauth4webapi";
import type { AuthorizationServer } from "./authorization-server.ts";
import { clientError } from "./errors.ts";
import type { Settings } from "./options.ts";
import type { Session } from "./session.ts";

/**
 * Where the browser must go so that the session ends at the issuer too (OpenID Connect RP-Initiated Logout
 * 1.0), or undefined when the issuer has no such endpoint.
 */
export async function createSignOutUrl(
  settings: Settings,
  server: AuthorizationServer,
  session: Session,
): Promise<string | undefined> {
  const url = await server.pageUrl("end_session_endpoint");
  if (url === undefined) return undefined;
  url.searchParams.set("client_id", settings.clientId);
  url.searchParams.set("id_token_hint", session.idToken);
  if (settings.postLogoutRedirectUri !== undefined) {
    url.searchParams.set("post_logout_redirect_uri", settings.postLogoutRedirectUri);
  }
  return url.href;
}

/** Ends what hangs below the refresh token (RFC 7009), also when the page is closed while it is on its way. */
export async function revokeTokens(server: AuthorizationServer, session: Session): Promise<void> {
  const token = session.refreshToken ?? session.accessToken;
  if (token === undefined) return;
  const metadata = await server.metadata();
  const response = await oauth.revocationRequest(
    metadata,
    server.client,
    oauth.None(),
    token,
    server.leavingOptions,
  );
  await oauth.processRevocationResponse(response).catch((cause: unknown) => {
    throw clientError("response_refused", { cause });
  });
}
