/** Rules that one field alone cannot tell. Each gives the problems it finds; all of them are run. */

import { problemOfUsername, usernameKey } from "../people/username.ts";
import { problemOfRedirectUri } from "./check-redirect-uri.ts";
import { isLoopbackHost } from "./loopback.ts";
import type { Problem } from "./problems.ts";
import type { ClientConfiguration, ConfigurationFile, ResourceConfiguration } from "./schema.ts";

export function crossFieldProblems(
  file: ConfigurationFile,
  resources: readonly ResourceConfiguration[],
): Problem[] {
  return [
    ...issuerProblems(file.issuer),
    ...duplicates(
      "resources",
      "identifier",
      resources.map(({ identifier }) => identifier),
    ),
    ...duplicates(
      "clients",
      "clientId",
      file.clients.map(({ clientId }) => clientId),
    ),
    ...file.users.flatMap(({ username }, index) => usernameProblems(username, `users.${index}.username`)),
    // In their one spelling: of two twins the second would never be made.
    ...duplicates(
      "users",
      "username",
      file.users.map(({ username }) => usernameKey(username) ?? username),
    ),
    ...file.clients.flatMap((client, index) => clientProblems(client, `clients.${index}`, resources)),
  ];
}

function issuerProblems(issuer: string): Problem[] {
  const url = new URL(issuer);
  const problem = (message: string): Problem[] => [{ path: "issuer", message }];
  if (url.origin !== issuer) {
    return problem(`must be an origin alone, such as ${url.origin}: no path, no slash at the end`);
  }
  if (url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname))) return [];
  return problem("must be https; plain http is for loopback addresses only, since tokens travel over it");
}

function usernameProblems(username: string, path: string): Problem[] {
  const message = problemOfUsername(username);
  return message === undefined
    ? []
    : [{ path, message: `found ${JSON.stringify(username)}, which ${message}` }];
}

function duplicates(list: string, field: string, values: readonly string[]): Problem[] {
  return values.flatMap((value, index) =>
    values.indexOf(value) === index
      ? []
      : [{ path: `${list}.${index}.${field}`, message: `${JSON.stringify(value)} is there twice` }],
  );
}

function clientProblems(
  client: ClientConfiguration,
  path: string,
  resources: readonly ResourceConfiguration[],
): Problem[] {
  return [
    ...grantTypeProblems(client, path),
    ...redirectUriProblems(client, "redirectUris", path),
    ...redirectUriProblems(client, "postLogoutRedirectUris", path),
    ...resourceProblems(client, path, resources),
  ];
}

function grantTypeProblems(client: ClientConfiguration, path: string): Problem[] {
  const problems: Problem[] = [];
  const uses = (type: ClientConfiguration["grantTypes"][number]) => client.grantTypes.includes(type);
  if (uses("authorization_code") && client.redirectUris.length === 0) {
    problems.push({ path: `${path}.redirectUris`, message: "authorization_code needs at least one" });
  }
  if (uses("client_credentials") && client.clientSecret === undefined) {
    problems.push({ path: `${path}.clientSecret`, message: "client_credentials needs a secret" });
  }
  if (uses("refresh_token") && !uses("authorization_code")) {
    problems.push({
      path: `${path}.grantTypes`,
      message: "refresh_token comes with authorization_code only",
    });
  }
  return problems;
}

function redirectUriProblems(
  client: ClientConfiguration,
  field: "redirectUris" | "postLogoutRedirectUris",
  path: string,
): Problem[] {
  return client[field].flatMap((uri, index) => {
    const message = problemOfRedirectUri(uri, client.type);
    return message === undefined ? [] : [{ path: `${path}.${field}.${index}`, message }];
  });
}

function resourceProblems(
  client: ClientConfiguration,
  path: string,
  resources: readonly ResourceConfiguration[],
): Problem[] {
  return Object.entries(client.resources).flatMap(([identifier, scopes]) => {
    const at = `${path}.resources.${identifier}`;
    const resource = resources.find((candidate) => candidate.identifier === identifier);
    if (resource === undefined) return [{ path: at, message: "no such resource is configured" }];
    return scopes
      .filter((scope) => !Object.hasOwn(resource.scopes, scope))
      .map((scope) => ({ path: at, message: `the resource has no scope ${JSON.stringify(scope)}` }));
  });
}
