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
): { readonly exp: number } & Readonly<Record<string, unknown>> {
  return {
    iss: settings.issuer,
    aud: settings.audience,
    iat: at.nowSeconds,
    exp: Math.min(at.nowSeconds + settings.lifetimeSeconds, endOf(principal, at.nowSeconds)),
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

/** What the guard grants to clocks that differ, beyond `exp`. */
const CLOCK_SKEW_SECONDS = 5;

/**
 * That of the access token. When it is accepted for the skew's sake, the end is behind us already: then where the guard
 * stops accepting it, since a token that has ended is of no use to a service.
 */
function endOf({ expiresAt }: Principal, nowSeconds: number): number {
  const end = Math.floor(expiresAt);
  return end > nowSeconds ? end : Math.ceil(expiresAt) + CLOCK_SKEW_SECONDS;
}
