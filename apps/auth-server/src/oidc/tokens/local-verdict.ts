import type { RevocableClaims } from "@portcullis/protocol";
import type { AdapterPayload } from "oidc-provider";
import type { LocalRevocations } from "../../revocations/index.ts";
import type { AllowsOpaqueToken } from "../state/artefact-store.ts";

/** What verifiers say of these claims, as soon as they have followed the log. */
export function verdictOf(
  local: LocalRevocations,
  claims: RevocableClaims,
  header: { readonly kid?: string } = {},
): "allow" | "killed" | "stale" {
  return local.verdict(local.coordinatesOf(claims, header)).outcome;
}

/**
 * Opaque tokens never leave this server's sight, but a cutoff (a user, a client) reaches them as it reaches JWTs:
 * they keep the same claims beside them. One without a horizon was made by something that skipped the phase.
 */
export function opaqueTokenCheck(local: LocalRevocations, issuer: string): AllowsOpaqueToken {
  return (payload) => {
    const claims = claimsOf(payload, issuer);
    return claims.rv !== undefined && verdictOf(local, claims) === "allow";
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
