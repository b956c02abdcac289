/** The request parameter `claims` (OpenID Connect Core 1.0, section 5.5): what of it the library leaves to others. */
import { errors, interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { ONE_FACTOR } from "../../sign-in/authentication-context.ts";
import { CLAIMS_OF_SCOPE } from "../state/claims-of-scopes.ts";

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

/** Far below what makes a parser or a copy run out of stack, and far above any claim that there is. */
const MAX_DEPTH = 8;

/**
 * Refuses a claim that is asked for by anything else than null or an object (section 5.5.1), and one that is nested without end: the library
 * would stumble over both.
 */
export function assertRequests({ userinfo, id_token }: ClaimsParameter): void {
  for (const [name, value] of [userinfo, id_token].flatMap((claims) => Object.entries(claims ?? {}))) {
    if (!isRequest(value)) refuse(`claims: ${name} should be null or an object`);
    if (!isWithin(MAX_DEPTH, value)) refuse(`claims: ${name} is nested more than ${MAX_DEPTH} levels deep`);
  }
}

const isWithin = (depth: number, value: unknown): boolean =>
  typeof value !== "object" ||
  value === null ||
  (depth > 0 && Object.values(value).every((part) => isWithin(depth - 1, part)));

function refuse(description: string): never {
  throw new errors.InvalidRequest(description);
}

const isRequest = (value: unknown): boolean =>
  value === null || (typeof value === "object" && !Array.isArray(value));

interface OfParameter {
  readonly id_token?: { readonly acr?: RequestedClaim | null; readonly sub?: RequestedClaim | null };
  readonly userinfo?: { readonly sub?: RequestedClaim | null };
}

interface RequestedClaim {
  readonly essential?: unknown;
  readonly value?: unknown;
  readonly values?: unknown;
}

const parameterOf = ({ oidc }: KoaContextWithOIDC): OfParameter => oidc.claims as OfParameter;

export const REQUESTED_SUBJECT = "requested_subject";

/**
 * An answer about another user is none, wherever it would be read. The library looks at the `value` for an ID token alone; this is in
 * place of that, for `values` and UserInfo as well.
 */
export const askForRequestedSubject = () =>
  new Check(
    REQUESTED_SUBJECT,
    "requested subject could not be obtained",
    "login_required",
    (ctx: KoaContextWithOIDC) => {
      const { id_token, userinfo } = parameterOf(ctx);
      return [id_token?.sub, userinfo?.sub].some((sub) => isOther(sub, ctx.oidc.session?.accountId));
    },
  );

function isOther(requested: RequestedClaim | null | undefined, subject: string | undefined): boolean {
  const wanted = valuesOf("sub", requested);
  return wanted !== undefined && !wanted.includes(subject);
}

/** Returns the values of which one is wanted; undefined where any is as good. */
function valuesOf(
  name: string,
  requested: RequestedClaim | null | undefined,
): readonly unknown[] | undefined {
  const { value, values } = requested ?? {};
  if (value !== undefined) return [value];
  if (values === undefined || Array.isArray(values)) return values;
  return refuse(`claims: values of ${name} should be a list`);
}

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
      const { acr } = parameterOf(ctx).id_token ?? {};
      const wanted = acr?.essential === true ? valuesOf("acr", acr) : undefined;
      if (wanted === undefined || wanted.includes(ctx.oidc.acr)) return false;
      if (!wanted.includes(ONE_FACTOR)) throw unmet();
      return true;
    },
  );

const unmet = () =>
  new errors.CustomOIDCProviderError(
    "unmet_authentication_requirements",
    `No sign-in here has one of the acr values that were asked for as essential. There is ${ONE_FACTOR}.`,
  );
