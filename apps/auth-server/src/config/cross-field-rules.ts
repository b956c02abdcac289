/** Rules that one setting alone cannot tell. */

import { isLoopback } from "@portcullis/protocol";
import { eachOnce, type Problem, type Rule, type SettingPath, samePort } from "@portcullis/service";
import { problemOfUsername, usernameKey } from "../people/username.ts";
import { checkAccessTokenLifetime } from "./access-token-lifetime.ts";
import { problemOfRedirectUri } from "./check-redirect-uri.ts";
import { resourcesOf } from "./own-api.ts";
import type { ClientConfiguration, ConfigurationFile, ResourceConfiguration } from "./schema.ts";

/** What the rules on resources look at, of all of them. */
const RESOURCES = ["issuer", "resources[*].identifier", "resources[*].scopes"];

export const RULES: readonly Rule<ConfigurationFile>[] = [
  { reads: ["issuer"], check: ({ issuer }) => issuerProblems(issuer) },
  { reads: ["listen", "management"], check: ({ listen, management }) => samePort(listen, management) },
  eachOnce("resources", "identifier"),
  { reads: ["issuer", "resources[].identifier"], check: (file, at) => ownApiProblems(file, at) },
  {
    reads: ["maxAccessTokenLifetimeSeconds", "resources[].accessTokenTtlSeconds"],
    check: (file, at) => lifetimeProblems(file, at),
  },
  eachOnce("clients", "clientId"),
  { reads: ["users[].username"], check: ({ users }, at) => usernameProblems(users[at]!.username, at) },
  // In their one spelling: of two twins the second would never be made.
  eachOnce("users", "username", (username) => usernameKey(username) ?? username),
  {
    reads: ["clients[].grantTypes", "clients[].redirectUris", "clients[].clientSecret"],
    check: ({ clients }, at) => grantTypeProblems(clients[at]!, ["clients", at]),
  },
  {
    reads: ["clients[].redirectUris", "clients[].type"],
    check: ({ clients }, at) => redirectUriProblems(clients[at]!, "redirectUris", ["clients", at]),
  },
  {
    reads: ["clients[].postLogoutRedirectUris", "clients[].type"],
    check: ({ clients }, at) => redirectUriProblems(clients[at]!, "postLogoutRedirectUris", ["clients", at]),
  },
  {
    reads: ["clients[].resources", ...RESOURCES],
    check: (file, at) => resourceProblems(file.clients[at]!, ["clients", at], resourcesOf(file)),
  },
];

function issuerProblems(issuer: string): Problem[] {
  const url = new URL(issuer);
  const problem = (remedy: string): Problem[] => [
    { path: ["issuer"], message: `found ${JSON.stringify(issuer)}; ${remedy}` },
  ];
  if (url.origin !== issuer) {
    return problem(`must be an origin alone, such as ${url.origin}: no path, no slash at the end`);
  }
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url.hostname))) return [];
  return problem("must be https; plain http is for loopback addresses only, since tokens travel over it");
}

function ownApiProblems(file: ConfigurationFile, at: number): Problem[] {
  const { identifier } = file.resources[at]!;
  if (identifier !== resourcesOf(file).at(-1)!.identifier) return [];
  const message = `found ${JSON.stringify(identifier)}, which is this server's own API; take another`;
  return [{ path: ["resources", at, "identifier"], message }];
}

function lifetimeProblems(file: ConfigurationFile, at: number): Problem[] {
  const path = ["resources", at, "accessTokenTtlSeconds"];
  const problem = checkAccessTokenLifetime({
    field: path.join("."),
    seconds: file.resources[at]!.accessTokenTtlSeconds,
    maxSeconds: file.maxAccessTokenLifetimeSeconds,
  });
  return problem === undefined ? [] : [{ path, message: problem.message }];
}

function usernameProblems(username: string, at: number): Problem[] {
  const message = problemOfUsername(username);
  return message === undefined
    ? []
    : [
        {
          path: ["users", at, "username"],
          message: `found ${JSON.stringify(username)}, which ${message}`,
        },
      ];
}

function grantTypeProblems(client: ClientConfiguration, path: SettingPath): Problem[] {
  const problems: Problem[] = [];
  const uses = (type: ClientConfiguration["grantTypes"][number]) => client.grantTypes.includes(type);
  if (uses("authorization_code") && client.redirectUris.length === 0) {
    problems.push({
      path: [...path, "redirectUris"],
      message: "found none; authorization_code needs at least one",
    });
  }
  if (uses("client_credentials") && client.clientSecret === undefined) {
    problems.push({
      path: [...path, "clientSecret"],
      message: "found none; client_credentials needs a secret",
    });
  }
  if (uses("refresh_token") && !uses("authorization_code")) {
    problems.push({
      path: [...path, "grantTypes"],
      message: "found refresh_token, which comes with authorization_code only; add that, or remove it",
    });
  }
  return problems;
}

function redirectUriProblems(
  client: ClientConfiguration,
  field: "redirectUris" | "postLogoutRedirectUris",
  path: SettingPath,
): Problem[] {
  return client[field].flatMap((uri, index) => {
    const message = problemOfRedirectUri(uri, client.type);
    if (message === undefined) return [];
    return [{ path: [...path, field, index], message: `found ${JSON.stringify(uri)}; ${message}` }];
  });
}

function resourceProblems(
  client: ClientConfiguration,
  path: SettingPath,
  resources: readonly ResourceConfiguration[],
): Problem[] {
  return Object.entries(client.resources).flatMap(([identifier, scopes]) => {
    const at = [...path, "resources", identifier];
    const resource = resources.find((candidate) => candidate.identifier === identifier);
    if (resource === undefined) {
      return [
        { path: at, message: "no such resource is configured; add it to resources, or remove it here" },
      ];
    }
    return scopes
      .filter((scope) => !Object.hasOwn(resource.scopes, scope))
      .map((scope) => ({
        path: at,
        message: `the resource has no scope ${JSON.stringify(scope)}; add it there, or remove it here`,
      }));
  });
}
