import type { VerifiedAccessToken } from "@portcullis/access-token";
import type { Principal } from "./decision.ts";

export function principalOf({ claims, scopes, audience }: VerifiedAccessToken): Principal {
  return Object.freeze({
    subject: claims.sub,
    clientId: claims.client_id,
    scopes,
    audience,
    ...(claims.sid === undefined ? {} : { sessionId: claims.sid }),
    ...(claims.gid === undefined ? {} : { grantId: claims.gid }),
    tokenId: claims.jti,
    issuedAt: claims.iat,
    expiresAt: claims.exp,
    claims,
  });
}
