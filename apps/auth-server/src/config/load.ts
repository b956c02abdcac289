import {
  type Address,
  configurationOf,
  defineConfiguration,
  type ManagementAddress,
  parseConfiguration as parse,
  resolveManagement,
  type TrustedProxies,
} from "@portcullis/service";
import { RULES } from "./cross-field-rules.ts";
import { accountResourceOf, apiResourceOf, resourcesOf } from "./own-api.ts";
import {
  type AdminConfiguration,
  type ClientConfiguration,
  type ConfigurationFile,
  configurationSchema,
  type DatabaseConfiguration,
  DEFAULT_MANAGEMENT_PORT,
  type DiskSpaceConfiguration,
  type LimitsConfiguration,
  type OutgoingConfiguration,
  type RedisConfiguration,
  type ResourceConfiguration,
  type UserConfiguration,
  type VerifiersConfiguration,
} from "./schema.ts";

/** What everything else is given: parsed once, complete, frozen. */
export interface Configuration {
  readonly issuer: string;
  readonly listen: Address;
  readonly management: ManagementAddress;
  readonly trustedProxies?: TrustedProxies | undefined;
  readonly dataDirectory: string;
  readonly database: DatabaseConfiguration;
  readonly redis?: RedisConfiguration | undefined;
  readonly limits: LimitsConfiguration;
  readonly outgoing: OutgoingConfiguration;
  readonly diskSpace: DiskSpaceConfiguration;
  readonly verifiers: VerifiersConfiguration;
  readonly maxLiveRevocations: number;
  readonly clockSkewSeconds: number;
  /** From SIGTERM to the end of new requests. */
  readonly stopGraceSeconds: number;
  /** Those of the file, and the authorization server's own APIs. */
  readonly resources: readonly ResourceConfiguration[];
  readonly clients: readonly ClientConfiguration[];
  readonly users: readonly UserConfiguration[];
  /** Whoever administers first. */
  readonly admin?: AdminConfiguration | undefined;
  /** Resource indicator of the authorization server's own API. */
  readonly apiResource: string;
  /** Of the account API. */
  readonly accountResource: string;
  /** Longest life that any access token may have: how long a revocation must be kept. */
  readonly maxAccessTokenLifetimeSeconds: number;
}

/** What the authorization server is configured with. */
export const authServerConfiguration = defineConfiguration({
  schema: configurationSchema,
  rules: RULES,
  resolve: resolveFile,
});

/** Returns the configuration that a file with this text would give, whatever the environment says. */
export const parseConfiguration = (text: string): Configuration =>
  parse(authServerConfiguration, { text, directory: "." });

/** Returns the configuration that a file with this document would give. */
export const resolveConfiguration = (document: unknown): Configuration =>
  configurationOf(authServerConfiguration, { document, directory: "." });

function resolveFile(file: ConfigurationFile): Configuration {
  return {
    ...file,
    management: resolveManagement(file.management, DEFAULT_MANAGEMENT_PORT),
    resources: resourcesOf(file),
    apiResource: apiResourceOf(file.issuer),
    accountResource: accountResourceOf(file.issuer),
  };
}
