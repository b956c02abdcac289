/** What a consent page asks, and what allowing it adds to the grant. */
import type { Api } from "../../apis/apis.ts";
import { givesAnything } from "../provider/account-claims.ts";
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
  openid: "Know who you are",
  profile: "See your name and your username",
  email: "See your e-mail address",
  offline_access: "Keep its access while you are not using it, until you sign out",
};

/** What an authorization request asks for (RFC 6749, section 4.1.1, and RFC 8707). */
export interface Asked {
  readonly scope?: unknown;
  readonly resource?: unknown;
}

export interface ConsentQuestion {
  readonly details: ConsentDetails;
  readonly asked: Asked;
  readonly resources: readonly Api[];
  /** Of the user. What is not among them cannot be given, and is not named. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** What is new; all that is asked for when nothing is, and the app has the user asked all the same (`prompt=consent`). */
export const consentContent = (question: ConsentQuestion): ConsentRequest[] =>
  requestsOf(shownOf(question), question.resources);

function shownOf({ details, asked, resources, claims }: ConsentQuestion): ConsentDetails {
  if (requestsOf(details, resources).length > 0) return details;
  const { missingOIDCScope = [], ...others } = detailsOf(asked, resources);
  return { ...others, missingOIDCScope: missingOIDCScope.filter((scope) => givesAnything(scope, claims)) };
}

function requestsOf(
  { missingOIDCScope = [], missingOIDCClaims = [], missingResourceScopes = {} }: ConsentDetails,
  resources: readonly Api[],
): ConsentRequest[] {
  const own = missingOIDCScope.map((scope) => OIDC_SCOPES[scope] ?? scope);
  const claims = missingOIDCClaims.map((claim) => `See your ${claim.replaceAll("_", " ")}`);
  const descriptions = [...own, ...claims];
  const requests = Object.entries(missingResourceScopes).map(([identifier, scopes]) => {
    const resource = resources.find((candidate) => candidate.identifier === identifier);
    return {
      resource: resource?.name ?? identifier,
      descriptions: scopes.map((scope) => resource?.permissions[scope] ?? scope),
    };
  });
  return descriptions.length === 0 ? requests : [{ resource: undefined, descriptions }, ...requests];
}

function detailsOf({ scope, resource }: Asked, resources: readonly Api[]): ConsentDetails {
  const scopes = String(scope ?? "").split(" ");
  const named = resources.filter(({ identifier }) => [resource].flat().includes(identifier));
  const ofEach = named.map(
    ({ identifier, permissions: known }) =>
      [identifier, scopes.filter((word) => Object.hasOwn(known, word))] as const,
  );
  return {
    missingOIDCScope: scopes.filter((word) => Object.hasOwn(OIDC_SCOPES, word)),
    missingResourceScopes: Object.fromEntries(ofEach.filter(([, words]) => words.length > 0)),
  };
}

/** The APIs that a consent page is about. */
export const apisAskedFor = (
  { missingResourceScopes = {} }: ConsentDetails,
  { resource }: Asked,
): string[] => [
  ...new Set([
    ...Object.keys(missingResourceScopes),
    ...[resource].flat().filter((one) => typeof one === "string"),
  ]),
];

/** What a yes to the page allows: what the page showed, and nothing else. */
export function allowedBy(question: ConsentQuestion): Allowed {
  const shown = shownOf(question);
  return {
    scopes: shown.missingOIDCScope ?? [],
    claims: shown.missingOIDCClaims ?? [],
    resources: shown.missingResourceScopes ?? {},
  };
}
