import type { VerifiedAccessToken } from "@portcullis/access-token";
import type { Principal } from "./decision.ts";

type Draft = { -readonly [Name in keyof Principal]: Principal[Name] };

export function principalOf({ claims, scopes, audience }: VerifiedAccessToken): Principal {
  const principal: Draft = {
    subject: claims.sub,
    clientId: claims.client_id,
    scopes,
    audience,
    tokenId: claims.jti,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    claims,
  };
  if (claims.sid !== undefined) principal.sessionId = claims.sid;
  if (claims.gid !== undefined) principal.grantId = claims.gid;
  return Object.freeze(principal);
}
