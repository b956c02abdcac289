/**
 * Tokens for an API that open the UserInfo endpoint as well, for apps that have asked for it: many client libraries have one access
 * token, and call UserInfo with whatever it is. They are JWTs, which the library looks up nowhere, so that a JWT is shown to it here
 * as what is stored of an opaque token. It goes on as with any other: session, grant, user, scopes and claims are read as they are.
 */
import { userinfoAudienceOf } from "@portcullis/protocol";
import { decodeProtectedHeader } from "jose";
import type { AdapterPayload, KoaContextWithOIDC } from "oidc-provider";
import { USERINFO_WITH_API_TOKEN } from "../../apps/app-settings.ts";
import type { LocalRevocations } from "../../revocations/index.ts";
import type { DeadToken } from "../request-state.ts";
import type { TellDenial } from "../state/artefact-store.ts";
import { givenOidcScopes } from "./given-scopes.ts";
import { denialOf, denialOfKey } from "./local-verdict.ts";
import type { OwnToken, VerifyOwnToken } from "./own-token.ts";

/** What the request asked to learn at UserInfo by name (OpenID Connect Core, section 5.5), in the token: it has no row. */
const ASKED_CLAIMS = "userinfo_claims";

interface ForUserinfo {
  readonly issuer: string;
  readonly payload: Record<string, unknown>;
}

/** Adds the UserInfo endpoint to what a token opens, and the scopes that mean something there, if its app has asked for that. */
export function openUserinfo(ctx: KoaContextWithOIDC, { issuer, payload }: ForUserinfo): void {
  const { client, entities } = ctx.oidc;
  if (client?.[USERINFO_WITH_API_TOKEN] !== true) return;
  const scopes = givenOidcScopes(ctx).filter((scope) => scope !== "offline_access");
  if (!scopes.includes("openid")) return;
  payload.aud = [payload.aud, userinfoAudienceOf(issuer)];
  payload.scope = [...scopes, payload.scope || []].flat().join(" ");
  const { claims } = entities.AuthorizationCode ?? entities.RefreshToken ?? {};
  const asked = Object.keys((claims as { userinfo?: object } | undefined)?.userinfo ?? {});
  // Names that mean nothing here are not among those that were granted: an app must not make its tokens longer than verifiers take.
  const granted = entities.Grant?.getOIDCClaimsFiltered(new Set(asked)) ?? [];
  if (granted.length > 0) payload[ASKED_CLAIMS] = [...granted];
}

export interface UserinfoTokenSources {
  readonly issuer: string;
  readonly verify: VerifyOwnToken;
  readonly local: LocalRevocations;
}

export type FindUserinfoToken = (jwt: string, tellDenial: TellDenial) => Promise<AdapterPayload | undefined>;

/**
 * Returns what finds a JWT as the library finds an opaque token; undefined for one that is not for UserInfo, or is dead or stale. Of the
 * last two it tells why.
 */
export function userinfoTokens(sources: UserinfoTokenSources): FindUserinfoToken {
  return async (jwt, tellDenial) => {
    const token = await sources.verify(jwt);
    if (token !== undefined && !opensUserinfo(token, sources.issuer)) return undefined;
    const dead = token === undefined ? deadByKey(sources, jwt) : denialOf(sources.local, token.claims, token);
    if (dead !== undefined) tellDenial(dead);
    return token !== undefined && dead === undefined ? payloadOf(token) : undefined;
  };
}

function deadByKey({ local }: UserinfoTokenSources, jwt: string): DeadToken | undefined {
  const kid = kidOf(jwt);
  return kid === undefined ? undefined : denialOfKey(local, kid);
}

/** What is no JWT names no key. */
function kidOf(jwt: string): string | undefined {
  try {
    return decodeProtectedHeader(jwt).kid;
  } catch {
    return undefined;
  }
}

const opensUserinfo = ({ claims: { aud } }: OwnToken, issuer: string): boolean =>
  Array.isArray(aud) && aud.includes(userinfoAudienceOf(issuer));

function payloadOf({ claims }: OwnToken): AdapterPayload {
  const asked = (claims as { [ASKED_CLAIMS]?: readonly string[] })[ASKED_CLAIMS] ?? [];
  return {
    kind: "AccessToken",
    jti: claims.jti,
    iat: claims.iat,
    exp: claims.exp,
    clientId: claims.client_id,
    accountId: claims.sub,
    grantId: claims.gid,
    sessionUid: claims.sid,
    expiresWithSession: true,
    scope: claims.scope,
    claims: { userinfo: Object.fromEntries(asked.map((name) => [name, null])) },
  } as AdapterPayload;
}
