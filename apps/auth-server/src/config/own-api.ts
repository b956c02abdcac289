import { API_SCOPES } from "@portcullis/protocol";
import type { ResourceConfiguration } from "./schema.ts";

const PATH = "/api";

export const apiResourceOf = (issuer: string): string => `${issuer}${PATH}`;

/** Whether it could be meant as this server's own API: the one of another issuer is. */
export const isNamedLikeOwnApi = (identifier: string): boolean => identifier.endsWith(PATH);

/** Returns the resources of the file, and this server's own API as the last. */
export const resourcesOf = (file: {
  readonly issuer: string;
  readonly resources: readonly ResourceConfiguration[];
}): readonly ResourceConfiguration[] => [...file.resources, ownApi(file.issuer)];

/** The server's own API is a resource like any other, so that its tokens are made and checked like any other. */
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
      [API_SCOPES.readConfig]: "See the policy for sessions",
      [API_SCOPES.writeConfig]: "Change the policy for sessions",
    },
    accessTokenTtlSeconds: 300,
    algorithm: "ES256",
    claims: {},
  };
}
