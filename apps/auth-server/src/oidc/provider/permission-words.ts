/** What an app may do, in words for its users: the same on the consent page and on the account page. */
import type { Api } from "../../apis/apis.ts";
import type { Allowed } from "../state/allowed.ts";

export const OIDC_SCOPES: Readonly<Record<string, string>> = {
  openid: "Know who you are",
  profile: "See your profile, such as your name and your username",
  email: "See your e-mail address",
  address: "See your postal address",
  phone: "See your phone number",
  offline_access: "Keep its access while you are not using it, until you sign out",
};

export const wordsOfScope = (scope: string): string => OIDC_SCOPES[scope] ?? scope;
export const wordsOfClaim = (claim: string): string => `See your ${claim.replaceAll("_", " ")}`;

/** The name of a permission that the API has no more. */
export const wordsOfPermission = (api: Api | undefined, permission: string): string =>
  api?.permissions[permission] ?? permission;

/** Each with the name of its API, where it is at one. */
export function wordsOf({ scopes, claims, resources }: Allowed, apis: readonly Api[]): string[] {
  const ofApis = Object.entries(resources).flatMap(([identifier, permissions]) => {
    const api = apis.find((candidate) => candidate.identifier === identifier);
    const name = api?.name ?? identifier;
    return permissions.map((permission) => `${name}: ${wordsOfPermission(api, permission)}`);
  });
  return [...scopes.map(wordsOfScope), ...claims.map(wordsOfClaim), ...ofApis];
}
