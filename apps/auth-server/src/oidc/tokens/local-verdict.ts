import type { RevocableClaims } from "@portcullis/protocol";
import type { AdapterPayload } from "oidc-provider";
import type { LocalRevocations } from "../../revocations/index.ts";
import type { DeadToken } from "../request-state.ts";
import type { AllowsOpaqueToken } from "../state/artefact-store.ts";

/** What verifiers say of these claims, as soon as they have followed the log. */
export function verdictOf(
  local: LocalRevocations,
  claims: RevocableClaims,
  header: { readonly kid?: string } = {},
): "allow" | "killed" | "stale" {
  return local.verdict(local.coordinatesOf(claims, header)).outcome;
}

/** Undefined for a token that is allowed. */
export function denialOf(
  local: LocalRevocations,
  claims: RevocableClaims,
  header: { readonly kid?: string } = {},
): DeadToken | undefined {
  const verdict = local.verdict(local.coordinatesOf(claims, header));
  if (verdict.outcome === "allow") return undefined;
  return { reason: verdict.reason, mode: verdict.outcome === "killed" ? "kill" : "stale" };
}

/** Of which only the key can be revoked: its horizon is past every cutoff. */
const NO_TOKEN: RevocableClaims = { iss: "", iat: 0, exp: 0, rv: Number.MAX_SAFE_INTEGER };

/** Of any token that names this key, whoever made it up: a retired key has left the JWKS, so that nothing tells the two apart. */
export const denialOfKey = (local: LocalRevocations, kid: string): DeadToken | undefined =>
  denialOf(local, NO_TOKEN, { kid });

/**
 * Opaque tokens never leave this server's sight, but a cutoff (a user, a client) reaches them as it reaches JWTs:
 * they keep the same claims beside them. One without a horizon was made by something that skipped the phase.
 */
export function opaqueTokenCheck(local: LocalRevocations, issuer: string): AllowsOpaqueToken {
  return (payload, tellDenial) => {
    const claims = claimsOf(payload, issuer);
    if (claims.rv === undefined) return false;
    const denial = denialOf(local, claims);
    if (denial !== undefined) tellDenial?.(denial);
    return denial === undefined;
  };
}

function claimsOf(payload: AdapterPayload, issuer: string): RevocableClaims {
  const { extra, accountId, clientId, iat, exp } = payload as AdapterPayload & {
    extra?: Partial<RevocableClaims>;
  };
  return {
    iss: issuer,
    iat: iat ?? 0,
    exp: exp ?? 0,
    sub: accountId ?? clientId ?? "",
    client_id: clientId ?? "",
    ...extra,
  };
}
