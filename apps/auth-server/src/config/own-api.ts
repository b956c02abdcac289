/** What this server itself is an API for: one for whoever administers, and one for people about themselves. */
import { ACCOUNT_SCOPES, API_SCOPES } from "@portcullis/protocol";
import type { ResourceConfiguration } from "./schema.ts";

const API = "/api";
const ACCOUNT = "/account";

export const apiResourceOf = (issuer: string): string => `${issuer}${API}`;
export const accountResourceOf = (issuer: string): string => `${issuer}${ACCOUNT}`;

/** Which of this server's own APIs it could be meant as, by the end of its name: the one of another issuer is one too. */
export const ownApiNamedLike = (identifier: string): string | undefined =>
  [API, ACCOUNT].find((path) => identifier.endsWith(path));

const OWN_PATHS: readonly string[] = ["", API, ACCOUNT].map((path) => path.slice(1));

/**
 * What is wrong with the identifier of an API that is to be, if anything: at this server's name, `/api` and `/account` with all below
 * them are its own, however they are spelt. A token for a twin would look like one for them.
 */
export function problemOfApiIdentifier(identifier: string, issuer: string): string | undefined {
  const [url, own] = [URL.parse(identifier), URL.parse(issuer)];
  if (url === null || url.host !== own?.host) return undefined;
  const [segments, above] = [segmentsOf(url), segmentsOf(own)];
  const isBelow = above.every((segment, at) => segments[at] === segment);
  if (!isBelow || !OWN_PATHS.includes(segments[above.length] ?? "")) return undefined;
  return `found ${JSON.stringify(identifier)}, which is an API of this server's own, or is spelt like one; take another`;
}

const segmentsOf = ({ pathname }: URL): string[] =>
  pathname
    .split("/")
    .filter((part) => part !== "")
    .map(unescaped);

function unescaped(segment: string): string {
  try {
    return decodeURIComponent(segment).toLowerCase();
  } catch {
    return segment.toLowerCase();
  }
}

/** Returns the resources of the file, and this server's own APIs as the last. */
export const resourcesOf = (file: {
  readonly issuer: string;
  readonly resources: readonly ResourceConfiguration[];
}): readonly ResourceConfiguration[] => [...file.resources, ...ownApis(file.issuer)];

/** They are resources like any other, so that their tokens are made and checked like any other. */
export const ownApis = (issuer: string): readonly ResourceConfiguration[] => [
  ownApi(issuer),
  accountApi(issuer),
];

export function accountApi(issuer: string): ResourceConfiguration {
  return {
    identifier: accountResourceOf(issuer),
    name: "Your account",
    scopes: {
      [ACCOUNT_SCOPES.readAccount]: "See your account, your devices and the apps with access",
      [ACCOUNT_SCOPES.writeAccount]: "Change your account, sign out devices, and take access from apps",
    },
    accessTokenTtlSeconds: 300,
    algorithm: "ES256",
    claims: {},
    // Nothing that is made once and lies in a file administers, or changes an account.
    personalTokenPermissions: [],
  };
}

/** For whoever administers. */
export function ownApi(issuer: string): ResourceConfiguration {
  return {
    identifier: apiResourceOf(issuer),
    name: "Portcullis",
    scopes: {
      [API_SCOPES.readRevocations]: "Follow the revocation feed",
      [API_SCOPES.writeRevocations]: "Revoke tokens, sessions and access of anybody",
      [API_SCOPES.inspectRevocations]: "See all revocations and verifiers",
      [API_SCOPES.readKeys]: "See which signing keys there are",
      [API_SCOPES.writeKeys]: "Rotate and retire signing keys",
      [API_SCOPES.readUsers]: "See all users",
      [API_SCOPES.writeUsers]: "Create, change, disable and delete users",
      [API_SCOPES.readBans]: "See who is banned",
      [API_SCOPES.writeBans]: "Ban users, and lift bans",
      [API_SCOPES.readApps]: "See all apps",
      [API_SCOPES.writeApps]: "Create, change and delete apps",
      [API_SCOPES.readApis]: "See all APIs",
      [API_SCOPES.writeApis]: "Create, change and delete APIs",
      [API_SCOPES.readSessions]: "See who is signed in, and on which devices",
      [API_SCOPES.writeSessions]: "End sessions of anybody",
      [API_SCOPES.readConfig]: "See the policy for sessions, and what apps could not be told",
      [API_SCOPES.writeConfig]: "Change the policy for sessions, and tell apps again",
      [API_SCOPES.readTokens]: "See the tokens for scripts of users and apps",
      [API_SCOPES.writeTokens]: "Make tokens for scripts of users and apps, and end them",
    },
    accessTokenTtlSeconds: 300,
    algorithm: "ES256",
    claims: {},
    // Nothing that is made once and lies in a file administers, or changes an account.
    personalTokenPermissions: [],
  };
}
