/** What a consent page asks, and what allowing it adds to the grant. */
import type { ResourceConfiguration } from "../../config/schema.ts";
import type { Allowed } from "../state/consents.ts";

/** What the library found missing in the grant. */
export interface ConsentDetails {
  readonly missingOIDCScope?: readonly string[];
  readonly missingOIDCClaims?: readonly string[];
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
}

export interface ConsentRequest {
  readonly resource: string | undefined;
  readonly descriptions: readonly string[];
}

const OIDC_SCOPES: Readonly<Record<string, string>> = {
  openid: "Know who you are, under an identifier",
  profile: "See your name and your username",
  email: "See your e-mail address",
  offline_access: "Go on acting for you while you are away, until you sign out",
};

export function consentContent(
  details: ConsentDetails,
  resources: readonly ResourceConfiguration[],
): ConsentRequest[] {
  const own = (details.missingOIDCScope ?? []).map((scope) => OIDC_SCOPES[scope] ?? scope);
  const claims = (details.missingOIDCClaims ?? []).map((claim) => `See your ${claim.replaceAll("_", " ")}`);
  const descriptions = [...own, ...claims];
  const requests = Object.entries(details.missingResourceScopes ?? {}).map(([identifier, scopes]) => {
    const resource = resources.find((candidate) => candidate.identifier === identifier);
    return {
      resource: resource?.name ?? identifier,
      descriptions: scopes.map((scope) => resource?.scopes[scope] ?? scope),
    };
  });
  const first = descriptions.length === 0 ? [] : [{ resource: undefined, descriptions }];
  const all = [...first, ...requests];
  // A consent that was asked for again (`prompt=consent`) though nothing is missing.
  return all.length > 0
    ? all
    : [{ resource: undefined, descriptions: ["Do what you have allowed it before"] }];
}

/** What a yes to the page allows. */
export const allowedBy = (details: ConsentDetails): Allowed => ({
  scopes: details.missingOIDCScope ?? [],
  claims: details.missingOIDCClaims ?? [],
  resources: details.missingResourceScopes ?? {},
});
