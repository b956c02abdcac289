import type { Principal } from "@portcullis/guard";

export interface TransactionTokenSettings {
  readonly issuer: string;
  readonly audience: string;
  readonly lifetimeSeconds: number;
}

/**
 * Claims by draft-ietf-oauth-transaction-tokens, section "JWT Body Claims". `tctx` says what the call is
 * about and `rctx` who asked for it, beyond `sub`. `scope` is the access token's own, never more.
 */
export function transactionClaims(
  principal: Principal,
  route: string,
  settings: TransactionTokenSettings,
  at: { readonly nowSeconds: number; readonly transaction: string },
): object {
  return {
    iss: settings.issuer,
    aud: settings.audience,
    iat: at.nowSeconds,
    exp: Math.min(at.nowSeconds + settings.lifetimeSeconds, Math.floor(principal.expiresAt)),
    txn: at.transaction,
    sub: principal.subject,
    scope: [...principal.scopes].join(" "),
    req_wl: settings.issuer,
    tctx: { route },
    rctx: {
      client_id: principal.clientId,
      sid: principal.sessionId,
      gid: principal.grantId,
      org: principal.claims.org,
    },
  };
}
