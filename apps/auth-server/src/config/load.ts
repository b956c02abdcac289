import { API_SCOPES } from "@portcullis/protocol";
import type { TrustedProxies } from "@portcullis/service";
import { parse } from "yaml";
import { crossFieldProblems } from "./cross-field-rules.ts";
import { configurationError } from "./errors.ts";
import { describeProblems, dottedPath, type Problem } from "./problems.ts";
import {
  type ClientConfiguration,
  type ConfigurationFile,
  configurationSchema,
  type DatabaseConfiguration,
  type DiskSpaceConfiguration,
  type LimitsConfiguration,
  type RedisConfiguration,
  type ResourceConfiguration,
  type UserConfiguration,
} from "./schema.ts";

/** What everything else is given: parsed once, complete, frozen. */
export interface Configuration {
  readonly issuer: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly trustedProxies?: TrustedProxies | undefined;
  readonly dataDirectory: string;
  readonly database: DatabaseConfiguration;
  readonly redis?: RedisConfiguration | undefined;
  readonly limits: LimitsConfiguration;
  readonly diskSpace: DiskSpaceConfiguration;
  readonly mostLiveRevocations: number;
  readonly clockSkewSeconds: number;
  /** Those of the file, and the authorization server's own API. */
  readonly resources: readonly ResourceConfiguration[];
  readonly clients: readonly ClientConfiguration[];
  readonly users: readonly UserConfiguration[];
  /** Resource indicator of the authorization server's own API. */
  readonly apiResource: string;
  /** Longest life of any access token: how long a revocation must be kept. */
  readonly tokenLifetimeSeconds: number;
}

/** Life of an access token for userinfo alone, which has no resource. */
export const USERINFO_TOKEN_TTL_SECONDS = 300;

/** JSON or YAML (JSON is YAML). Throws `configuration_invalid`, whose text names every problem. */
export function parseConfiguration(text: string): Configuration {
  return resolveConfiguration(readDocument(text));
}

function readDocument(text: string): unknown {
  try {
    return parse(text);
  } catch (cause) {
    const line = (cause as Error).message.split("\n", 1)[0];
    throw configurationError("configuration_invalid", {
      text: `it is neither JSON nor YAML: ${line}`,
      cause,
    });
  }
}

export function resolveConfiguration(document: unknown): Configuration {
  const parsed = configurationSchema.safeParse(document);
  if (!parsed.success) {
    throw invalid(parsed.error.issues.map(({ path, message }) => ({ path: dottedPath(path), message })));
  }
  const resources = [...parsed.data.resources, ownApi(parsed.data.issuer)];
  const problems = crossFieldProblems(parsed.data, resources);
  if (problems.length > 0) throw invalid(problems);
  return deepFreeze(resolved(parsed.data, resources));
}

function resolved(file: ConfigurationFile, resources: ResourceConfiguration[]): Configuration {
  const lifetimes = resources.map(({ accessTokenTtlSeconds }) => accessTokenTtlSeconds);
  return {
    ...file,
    resources,
    apiResource: apiResourceOf(file.issuer),
    tokenLifetimeSeconds: Math.max(USERINFO_TOKEN_TTL_SECONDS, ...lifetimes),
  };
}

const apiResourceOf = (issuer: string): string => `${issuer}/api`;

/** The server's own API is a resource like any other, so that its tokens are made and checked like any other. */
function ownApi(issuer: string): ResourceConfiguration {
  return {
    identifier: apiResourceOf(issuer),
    name: "Portcullis",
    scopes: {
      [API_SCOPES.readRevocations]: "Follow the revocation feed",
      [API_SCOPES.writeRevocations]: "Revoke tokens, sessions and access of anybody",
      [API_SCOPES.inspectRevocations]: "See all revocations and verifiers",
      [API_SCOPES.readKeys]: "See which signing keys there are",
      [API_SCOPES.writeKeys]: "Rotate and retire signing keys",
      [API_SCOPES.writeUsers]: "Disable and enable users",
      [API_SCOPES.writeApps]: "Disable and enable apps",
    },
    accessTokenTtlSeconds: 300,
  };
}

function invalid(problems: readonly Problem[]) {
  return configurationError("configuration_invalid", { text: describeProblems(problems) });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}
