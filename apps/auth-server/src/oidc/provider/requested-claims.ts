/** The request parameter `claims` (OpenID Connect Core 1.0, section 5.5): what of it the library leaves to others. */
import { errors, interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { ONE_FACTOR } from "../../sign-in/authentication-context.ts";
import { CLAIMS_OF_SCOPE } from "./account-claims.ts";

const { Check } = interactionPolicy;

/** Of the user, and so nothing that is said of the sign-in, which every app that signs somebody in is told. */
const OF_USER: ReadonlySet<string> = new Set(
  Object.entries(CLAIMS_OF_SCOPE).flatMap(([scope, names]) => (scope === "openid" ? [] : names)),
);

interface ClaimsParameter {
  readonly userinfo?: object | null | undefined;
  readonly id_token?: object | null | undefined;
}

/** Returns the names of what it asks to be told of the user, as the library counts them. `parameter` is that of a request that the library has checked. */
export function claimsOfUserIn(parameter: unknown): string[] {
  if (typeof parameter !== "string") return [];
  const { userinfo, id_token } = JSON.parse(parameter) as ClaimsParameter;
  const asked = [userinfo, id_token].flatMap((claims) => Object.entries(claims ?? {}));
  const names = asked.filter(([name, value]) => OF_USER.has(name) && isRequest(value)).map(([name]) => name);
  return [...new Set(names)];
}

/** Refuses a claim that is asked for by anything else than null or an object (section 5.5.1): the library would stumble over it. */
export function assertRequests({ userinfo, id_token }: ClaimsParameter): void {
  for (const [name, value] of [userinfo, id_token].flatMap((claims) => Object.entries(claims ?? {})))
    if (!isRequest(value)) throw new errors.InvalidRequest(`claims: ${name} should be null or an object`);
}

const isRequest = (value: unknown): boolean =>
  value === null || (typeof value === "object" && !Array.isArray(value));

interface OfParameter {
  readonly id_token?: { readonly acr?: RequestedClaim | null };
  readonly userinfo?: { readonly sub?: RequestedClaim | null };
}

interface RequestedClaim {
  readonly essential?: unknown;
  readonly value?: unknown;
  readonly values?: unknown;
}

const parameterOf = ({ oidc }: KoaContextWithOIDC): OfParameter => oidc.claims as OfParameter;

export const SUBJECT_OF_USERINFO = "claims_userinfo_sub_value";

/** As the library asks for the `sub` of an ID token: an answer about another user is none, wherever it would be read. */
export const askForSubjectOfUserinfo = () =>
  new Check(
    SUBJECT_OF_USERINFO,
    "requested subject could not be obtained",
    "login_required",
    (ctx: KoaContextWithOIDC) => {
      const { sub } = parameterOf(ctx).userinfo ?? {};
      return sub?.value !== undefined && sub.value !== ctx.oidc.session?.accountId;
    },
  );

/**
 * An `acr` that the app cannot do without (section 5.5.1.1). The library would ask for a sign-in again and again; one that no
 * sign-in here reaches is told to the app at once (OpenID Connect Core Unmet Authentication Requirements 1.0).
 */
export const askForEssentialAcr = () =>
  new Check(
    "essential_acr",
    "requested ACR could not be obtained",
    "login_required",
    (ctx: KoaContextWithOIDC) => {
      const wanted = essentialAcr(parameterOf(ctx).id_token?.acr ?? {});
      if (wanted === undefined || wanted.includes(ctx.oidc.acr)) return false;
      if (!wanted.includes(ONE_FACTOR)) throw unmet();
      return true;
    },
  );

function essentialAcr({ essential, value, values }: RequestedClaim): readonly unknown[] | undefined {
  if (essential !== true) return undefined;
  if (value !== undefined) return [value];
  if (values === undefined) return undefined;
  if (Array.isArray(values)) return values;
  throw new errors.InvalidRequest("invalid claims.id_token.acr.values type");
}

const unmet = () =>
  new errors.CustomOIDCProviderError(
    "unmet_authentication_requirements",
    `No sign-in here has one of the acr values that were asked for as essential. There is ${ONE_FACTOR}.`,
  );
