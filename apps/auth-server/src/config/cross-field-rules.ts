/** Rules that one setting alone cannot tell. */
import { COMMAND_CLIENT_ID } from "@portcullis/protocol";
import { eachOnce, type Problem, type Rule, type SettingPath, samePort } from "@portcullis/service";
import { privateTargets, problemOfTarget } from "../outgoing/index.ts";
import { problemOfUsername, usernameKey } from "../people/username.ts";
import { checkAccessTokenLifetime } from "./access-token-lifetime.ts";
import { appKeyProblems } from "./app-key-problems.ts";
import {
  type Problem as AppProblem,
  accountApiProblems,
  apiProblems,
  backchannelLogoutProblems,
  defaultApiProblems,
  frontchannelLogoutProblems,
  grantTypeProblems,
  jsonSignInProblems,
  optionalScopeProblems,
  personalTokenProblems,
  pkceProblems,
  redirectUriProblems,
  refreshLifetimeProblems,
  type SecretKeeping,
  sessionTimesProblems,
  typeProblems,
} from "./app-rules.ts";
import { accountResourceOf, ownApiNamedLike, ownApis, problemOfApiIdentifier } from "./own-api.ts";
import type { ClientConfiguration, ConfigurationFile } from "./schema.ts";

/** What the rules on resources look at, of all of them. */
const RESOURCES = ["resources[*].identifier", "resources[*].scopes"];

export const RULES: readonly Rule<ConfigurationFile>[] = [
  { reads: ["listen", "management"], check: ({ listen, management }) => samePort(listen, management) },
  eachOnce("resources", "identifier"),
  { reads: ["issuer", "resources[].identifier"], check: (file, at) => ownApiProblems(file, at) },
  {
    reads: ["maxAccessTokenLifetimeSeconds", "resources[].accessTokenTtlSeconds"],
    check: (file, at) => lifetimeProblems(file, at),
  },
  eachOnce("clients", "clientId"),
  { reads: ["clients[].clientId"], check: ({ clients }, at) => builtInProblems(clients[at]!.clientId, at) },
  { reads: ["users[].username"], check: ({ users }, at) => usernameProblems(users[at]!.username, at) },
  { reads: ["admin.username"], check: ({ admin }) => adminProblems(admin) },
  // In their one spelling: of two twins the second would never be made.
  eachOnce("users", "username", (username) => usernameKey(username) ?? username),
  {
    reads: ["clients[].grantTypes", "clients[].redirectUris", "clients[].clientSecret"],
    check: ({ clients }, at) => {
      const { grantTypes, redirectUris } = clients[at]!;
      return inClient(at, grantTypeProblems({ grantTypes, redirectUris, ...keepingOf(clients[at]!) }));
    },
  },
  {
    reads: ["clients[].type", "clients[].grantTypes", "clients[].clientSecret"],
    check: ({ clients }, at) => {
      const { type, grantTypes } = clients[at]!;
      return inClient(at, typeProblems({ type, grantTypes, ...keepingOf(clients[at]!) }));
    },
  },
  {
    reads: ["clients[].redirectUris", "clients[].type"],
    check: ({ clients }, at) => inClient(at, redirectUriProblems(clients[at]!, "redirectUris")),
  },
  {
    reads: ["clients[].postLogoutRedirectUris", "clients[].type"],
    check: ({ clients }, at) => inClient(at, redirectUriProblems(clients[at]!, "postLogoutRedirectUris")),
  },
  {
    reads: ["clients[].requirePkce", "clients[].clientSecret"],
    check: ({ clients }, at) => {
      const { requirePkce } = clients[at]!;
      return inClient(at, pkceProblems({ requirePkce, ...keepingOf(clients[at]!) }));
    },
  },
  {
    reads: ["clients[].backchannelLogoutUri", "outgoing.privateTargets"],
    check: ({ clients, outgoing }, at) => {
      const targets = privateTargets(outgoing.privateTargets);
      const problemOf = (url: string) => problemOfTarget(url, targets);
      return inClient(at, backchannelLogoutProblems(clients[at]!, problemOf));
    },
  },
  {
    reads: ["clients[].jsonSignIn", "clients[].firstParty", "clients[].grantTypes"],
    check({ clients }, at) {
      const { jsonSignIn, firstParty, grantTypes } = clients[at]!;
      return inClient(at, jsonSignInProblems({ jsonSignIn, firstParty, grantTypes }));
    },
  },
  {
    reads: ["clients[].frontchannelLogoutUri", "clients[].redirectUris"],
    check: ({ clients }, at) => inClient(at, frontchannelLogoutProblems(clients[at]!)),
  },
  {
    reads: ["clients[].jwks", "clients[].jwksUri", "clients[].clientSecret", "outgoing.privateTargets"],
    check: ({ clients, outgoing }, at) => inClient(at, keyProblems(clients[at]!, outgoing.privateTargets)),
  },
  {
    reads: ["clients[].refreshTokenIdleSeconds", "clients[].refreshTokenAbsoluteSeconds"],
    check: ({ clients }, at) => inClient(at, refreshLifetimeProblems(clients[at]!)),
  },
  {
    reads: ["clients[].sessionIdleSeconds", "clients[].sessionAbsoluteSeconds"],
    check: ({ clients }, at) => inClient(at, sessionTimesProblems(clients[at]!)),
  },
  {
    reads: ["resources[].sessionIdleSeconds", "resources[].sessionAbsoluteSeconds"],
    check: ({ resources }, at) => inResource(at, sessionTimesProblems(resources[at]!)),
  },
  {
    reads: ["resources[].personalTokenPermissions", "resources[].scopes"],
    check({ resources }, at) {
      const { personalTokenPermissions, scopes: permissions } = resources[at]!;
      return inResource(at, personalTokenProblems({ personalTokenPermissions, permissions }));
    },
  },
  {
    reads: ["clients[].resources", ...RESOURCES],
    check(file, at) {
      const { others } = apisOfClient(file, at);
      return inClient(at, apiProblems(others, { setting: "resources", known: file.resources }));
    },
  },
  {
    // Apart from the rule above, which says what it can while the issuer is wrong.
    reads: ["issuer", "clients[].resources", ...RESOURCES],
    check(file, at) {
      const { likeOwn } = apisOfClient(file, at);
      return inClient(at, apiProblems(likeOwn, { setting: "resources", known: ownApis(file.issuer) }));
    },
  },
  {
    reads: ["issuer", "clients[].resources", "clients[].firstParty"],
    check({ issuer, clients }, at) {
      const { resources: apis, firstParty } = clients[at]!;
      const account = accountResourceOf(issuer);
      return inClient(at, accountApiProblems({ apis, firstParty }, { setting: "resources", account }));
    },
  },
  {
    reads: ["clients[].resources", "clients[].defaultApi"],
    check({ clients }, at) {
      const { resources: apis, defaultApi } = clients[at]!;
      return inClient(at, defaultApiProblems({ apis, defaultApi }, "resources"));
    },
  },
  {
    reads: ["clients[].resources", "clients[].optionalScopes"],
    check({ clients }, at) {
      const { resources: apis, optionalScopes } = clients[at]!;
      return inClient(at, optionalScopeProblems({ apis, optionalScopes }, "resources"));
    },
  },
];

/** The APIs of a client: those that can only be meant as this server's own, and the others. */
function apisOfClient({ clients, resources }: ConfigurationFile, at: number) {
  const all = Object.entries(clients[at]!.resources);
  const isLikeOwn = ([name]: readonly [string, unknown]): boolean =>
    ownApiNamedLike(name) !== undefined && !resources.some(({ identifier }) => identifier === name);
  return {
    likeOwn: Object.fromEntries(all.filter(isLikeOwn)),
    others: Object.fromEntries(all.filter((api) => !isLikeOwn(api))),
  };
}

function ownApiProblems(file: ConfigurationFile, at: number): Problem[] {
  const { identifier } = file.resources[at]!;
  const message = problemOfApiIdentifier(identifier, file.issuer);
  return message === undefined ? [] : [{ path: ["resources", at, "identifier"], message }];
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

function builtInProblems(clientId: string, at: number): Problem[] {
  if (clientId !== COMMAND_CLIENT_ID) return [];
  const message = `found ${JSON.stringify(clientId)}, which is built in; take another`;
  return [{ path: ["clients", at, "clientId"], message }];
}

const usernameProblems = (username: string, at: number): Problem[] =>
  namingProblems(username, ["users", at, "username"]);

const adminProblems = (admin: ConfigurationFile["admin"]): Problem[] =>
  admin === undefined ? [] : namingProblems(admin.username, ["admin", "username"]);

function namingProblems(username: string, path: SettingPath): Problem[] {
  const message = problemOfUsername(username);
  return message === undefined
    ? []
    : [{ path, message: `found ${JSON.stringify(username)}, which ${message}` }];
}

/** The problems of a client, at their place in the file. */
const inResource = (at: number, problems: readonly AppProblem[]): Problem[] =>
  problems.map(({ path, message }) => ({ path: ["resources", at, ...path], message }));

const inClient = (at: number, problems: readonly AppProblem[]): Problem[] =>
  problems.map(({ path, message }) => ({ path: ["clients", at, ...path], message }));

function keyProblems(client: ClientConfiguration, allowed: readonly string[]): AppProblem[] {
  const { clientSecret, jwks, jwksUri } = client;
  const usesKeys = jwks !== undefined || jwksUri !== undefined;
  if (usesKeys && clientSecret !== undefined)
    return [{ path: ["clientSecret"], message: "found a secret beside keys; give one of them" }];
  const targets = privateTargets(allowed);
  return appKeyProblems({ usesKeys, jwks, jwksUri }, (url) => problemOfTarget(url, targets));
}

const keepingOf = ({ clientSecret, jwks, jwksUri }: ClientConfiguration): SecretKeeping => ({
  isConfidential: [clientSecret, jwks, jwksUri].some((value) => value !== undefined),
  secretSetting: "clientSecret",
});
