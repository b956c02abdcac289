/**
 * Rules between the settings of an app, the same for an entry of the configuration file and for the API. Each returns its
 * problems with paths inside of the app; what is configured where has its own names for a few of them.
 */

import type { AppType, GrantType } from "@portcullis/protocol";
import { problemOfRedirectUri } from "./check-redirect-uri.ts";
import { ownApiNamedLike } from "./own-api.ts";

export interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** What makes an app one that can keep a secret. */
export interface SecretKeeping {
  readonly isConfidential: boolean;
  /** The setting that would have to change. */
  readonly secretSetting: "clientSecret" | "clientAuthentication";
}

interface GrantSettings extends SecretKeeping {
  readonly grantTypes: readonly GrantType[];
  readonly redirectUris: readonly string[];
}

export function grantTypeProblems({
  grantTypes,
  redirectUris,
  isConfidential,
  secretSetting,
}: GrantSettings): Problem[] {
  const uses = (type: GrantType) => grantTypes.includes(type);
  const problems: Problem[] = [];
  if (uses("authorization_code") && redirectUris.length === 0) {
    problems.push(problemAt("redirectUris", "found none; authorization_code needs at least one"));
  }
  if (uses("client_credentials") && !isConfidential) {
    problems.push(problemAt(secretSetting, "found none; client_credentials needs a secret"));
  }
  if (uses("refresh_token") && !uses("authorization_code")) {
    const message = "found refresh_token, which comes with authorization_code only; add that, or remove it";
    problems.push(problemAt("grantTypes", message));
  }
  return problems;
}

const problemAt = (field: string, message: string): Problem => ({ path: [field], message });

interface TypeSettings extends SecretKeeping {
  readonly type: AppType;
  readonly grantTypes: readonly GrantType[];
}

/** A type promises where an app runs, and so what it can keep and do. */
export function typeProblems({ type, grantTypes, isConfidential, secretSetting }: TypeSettings): Problem[] {
  if (type === "spa" && isConfidential) {
    return [
      problemAt(secretSetting, "found a secret, which an app in a browser cannot keep; take type: web"),
    ];
  }
  if (type !== "service") return [];
  const others = grantTypes.filter((grantType) => grantType !== "client_credentials");
  const ofPeople = problemAt(
    "grantTypes",
    `found ${others.join(", ")}; a service acts for itself, by client_credentials alone; take type: web`,
  );
  const withoutSecret = problemAt(secretSetting, "found none; a service needs a secret");
  // That grant type asks for a secret already: the missing one is one problem.
  const isTold = isConfidential || grantTypes.includes("client_credentials");
  return [...(others.length === 0 ? [] : [ofPeople]), ...(isTold ? [] : [withoutSecret])];
}

export interface RedirectSettings {
  readonly type: AppType;
  readonly redirectUris: readonly string[];
  readonly postLogoutRedirectUris: readonly string[];
}

export function redirectUriProblems(
  app: RedirectSettings,
  field: "redirectUris" | "postLogoutRedirectUris",
): Problem[] {
  return app[field].flatMap((uri, index) => {
    const message = problemOfRedirectUri(uri, app.type === "native" ? "native" : "web");
    return message === undefined
      ? []
      : [{ path: [field, index], message: `found ${JSON.stringify(uri)}; ${message}` }];
  });
}

/** RFC 9700, section 2.1.1: a code of a public client is protected by PKCE and by nothing else. */
export function pkceProblems({
  requirePkce,
  isConfidential,
}: SecretKeeping & { readonly requirePkce: boolean }): Problem[] {
  if (requirePkce || isConfidential) return [];
  return [
    problemAt(
      "requirePkce",
      "found false; only an app with a secret may go without PKCE (RFC 9700, section 2.1.1)",
    ),
  ];
}

/** OpenID Connect Back-Channel Logout 1.0, section 2.2. `problemOfTarget`: what is wrong with a URL that this server is to ask. */
export function backchannelLogoutProblems(
  { backchannelLogoutUri: uri }: { readonly backchannelLogoutUri?: string | undefined },
  problemOfTarget: (url: string) => string | undefined,
): Problem[] {
  const problem = uri === undefined ? undefined : problemOfTarget(uri);
  return problem === undefined
    ? []
    : [problemAt("backchannelLogoutUri", `found ${JSON.stringify(uri)}, which ${problem}`)];
}

/** People give it their passwords: only the operator's own app may be given them. */
export function jsonSignInProblems({
  jsonSignIn,
  firstParty,
  grantTypes,
}: {
  readonly jsonSignIn: boolean;
  readonly firstParty: boolean;
  readonly grantTypes: readonly GrantType[];
}): Problem[] {
  if (!jsonSignIn) return [];
  if (!firstParty) {
    const message = "found true; only an app of your own may ask for passwords; set firstParty, or remove it";
    return [problemAt("jsonSignIn", message)];
  }
  if (grantTypes.includes("authorization_code")) return [];
  return [
    problemAt(
      "jsonSignIn",
      "found true, which needs the grant type authorization_code; add it, or remove this",
    ),
  ];
}

/**
 * OpenID Connect Front-Channel Logout 1.0, section 2: of the same origin as a redirect URI. The sign-out page frames no page of
 * somebody who has no other part in signing in.
 */
export function frontchannelLogoutProblems({
  frontchannelLogoutUri: uri,
  redirectUris,
}: {
  readonly frontchannelLogoutUri?: string | undefined;
  readonly redirectUris: readonly string[];
}): Problem[] {
  if (uri === undefined) return [];
  const origins = redirectUris.map((one) => URL.parse(one)?.origin);
  const message =
    problemOfRedirectUri(uri) ??
    (origins.includes(new URL(uri).origin) ? undefined : "must have the origin of one of redirectUris");
  return message === undefined
    ? []
    : [problemAt("frontchannelLogoutUri", `found ${JSON.stringify(uri)}; ${message}`)];
}

export function refreshLifetimeProblems(app: {
  readonly refreshTokenIdleSeconds?: number | undefined;
  readonly refreshTokenAbsoluteSeconds?: number | undefined;
}): Problem[] {
  const { refreshTokenIdleSeconds: idle, refreshTokenAbsoluteSeconds: absolute } = app;
  if (idle === undefined || absolute === undefined || idle <= absolute) return [];
  const message = `found ${idle}, which is longer than refreshTokenAbsoluteSeconds, ${absolute}: no token is idle for so long`;
  return [problemAt("refreshTokenIdleSeconds", message)];
}

/** Of an app, and of an API. */
export function sessionTimesProblems(of: {
  readonly sessionIdleSeconds?: number | undefined;
  readonly sessionAbsoluteSeconds?: number | undefined;
}): Problem[] {
  const { sessionIdleSeconds: idle, sessionAbsoluteSeconds: absolute } = of;
  if (idle === undefined || absolute === undefined || idle <= absolute) return [];
  const message = `found ${idle}, which is longer than sessionAbsoluteSeconds, ${absolute}: a session cannot be idle for longer than it lives`;
  return [problemAt("sessionIdleSeconds", message)];
}

/** What the API has not, nobody can have in a token for it. */
export function personalTokenProblems(api: {
  readonly personalTokenPermissions: readonly string[];
  readonly permissions: Readonly<Record<string, unknown>>;
}): Problem[] {
  return api.personalTokenPermissions.flatMap((word, at) => {
    if (Object.hasOwn(api.permissions, word)) return [];
    const message = `found ${JSON.stringify(word)}, which is no permission of the API; add it there, or take it out here`;
    return [{ path: ["personalTokenPermissions", at], message }];
  });
}

/** As much of an API as an app's permissions there are checked with. */
export interface KnownApi {
  readonly identifier: string;
  readonly scopes: Readonly<Record<string, unknown>>;
}

type AppApis = Readonly<Record<string, readonly string[]>>;

export function apiProblems(apis: AppApis, { setting, known }: KnownApis): Problem[] {
  return Object.entries(apis).flatMap(([identifier, scopes]) => {
    const path = [setting, identifier];
    const api = known.find((candidate) => candidate.identifier === identifier);
    if (api !== undefined) return scopeProblems(api, scopes, path);
    const ownPath = ownApiNamedLike(identifier);
    const meant = known.find((candidate) => ownApiNamedLike(candidate.identifier) === ownPath);
    const message = `there is no such API; this server's own API is called ${meant?.identifier}`;
    const isMeantAsOwn = ownPath !== undefined && meant !== undefined;
    return [{ path, message: isMeantAsOwn ? message : NO_SUCH[setting] }];
  });
}

/** It is about a person's own account: an app that is not the operator's own would get no token for it. */
export function accountApiProblems(
  { apis, firstParty }: { readonly apis: AppApis; readonly firstParty: boolean },
  { setting, account }: Pick<KnownApis, "setting"> & { readonly account: string },
): Problem[] {
  if (firstParty || !Object.hasOwn(apis, account)) return [];
  const message = `this API is for apps of your own; set firstParty, or remove it from ${setting}`;
  return [{ path: [setting, account], message }];
}

export function defaultApiProblems(
  { apis, defaultApi }: { readonly apis: AppApis; readonly defaultApi?: string | undefined },
  setting: KnownApis["setting"],
): Problem[] {
  if (defaultApi === undefined || Object.hasOwn(apis, defaultApi)) return [];
  const message = `found ${JSON.stringify(defaultApi)}, which is not in ${setting}; add it there, or take one that is`;
  return [problemAt("defaultApi", message)];
}

/** What a user may decline, and the app get the rest. `offline_access` changes nothing here, so that a choice would be none. */
const OPTIONAL_OIDC_SCOPES: readonly string[] = ["profile", "email", "address", "phone"];

export function optionalScopeProblems(
  { apis, optionalScopes }: { readonly apis: AppApis; readonly optionalScopes: readonly string[] },
  setting: KnownApis["setting"],
): Problem[] {
  const known = [...OPTIONAL_OIDC_SCOPES, ...Object.values(apis).flat()];
  return optionalScopes.flatMap((scope, index) => {
    if (known.includes(scope)) return [];
    const message = `found ${JSON.stringify(scope)}, which is neither ${OPTIONAL_OIDC_SCOPES.join(" nor ")} nor a scope in ${setting}; add it there, or remove it here`;
    return [{ path: ["optionalScopes", index], message }];
  });
}

export interface KnownApis {
  /** How the setting is called where the app is described. */
  readonly setting: "resources" | "apis";
  readonly known: readonly KnownApi[];
}

const NO_SUCH = {
  resources: "no such resource is configured; add it to resources, or remove it here",
  apis: "there is no such API; create it first, or remove it here",
} as const;

const scopeProblems = (api: KnownApi, scopes: readonly string[], path: Problem["path"]): Problem[] =>
  scopes
    .filter((scope) => !Object.hasOwn(api.scopes, scope))
    .map((scope) => {
      const thing = path[0] === "resources" ? "the resource" : "the API";
      return {
        path,
        message: `${thing} has no scope ${JSON.stringify(scope)}; add it there, or remove it here`,
      };
    });
