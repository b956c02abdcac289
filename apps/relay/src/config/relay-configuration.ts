import {
  type Address,
  defineConfiguration,
  type ManagementAddress,
  parseConfiguration as parse,
  resolveManagement,
  samePort,
} from "@portcullis/service";
import { configurationSchema, DEFAULT_MANAGEMENT_PORT, type WrittenConfiguration } from "./schema.ts";

/** The relay's settings: resolved, complete, frozen. */
export interface Configuration {
  readonly issuer: string;
  readonly audience: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly name: string;
  readonly listen: Address;
  readonly management: ManagementAddress;
  readonly leaseMs: number;
  /** Undefined: where the issuer says. */
  readonly upstream: string | undefined;
  readonly limits: { readonly leasesPerClient: number; readonly streamsPerClient: number };
}

/** What the relay is configured with. */
export const relayConfiguration = defineConfiguration({
  schema: configurationSchema,
  rules: [
    { reads: ["listen", "management"], check: ({ listen, management }) => samePort(listen, management) },
  ],
  resolve: resolveConfiguration,
});

/** Returns the configuration that a file in `directory` with this text would give, whatever the environment says. */
export const parseConfiguration = (text: string, directory: string): Configuration =>
  parse(relayConfiguration, { text, directory });

function resolveConfiguration(written: WrittenConfiguration): Configuration {
  return {
    ...written,
    audience: written.audience ?? `${written.issuer}/api`,
    management: resolveManagement(written.management, DEFAULT_MANAGEMENT_PORT),
    upstream: written.upstream,
  };
}
