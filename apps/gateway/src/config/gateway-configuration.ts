import { defineConfiguration, parseConfiguration as parse } from "@portcullis/service";
import { RULES } from "./check-rules.ts";
import type { Configuration } from "./configuration.ts";
import { resolveConfiguration } from "./resolve-configuration.ts";
import { configurationSchema } from "./schema.ts";

/** What the gateway is configured with. */
export const gatewayConfiguration = defineConfiguration({
  schema: configurationSchema,
  rules: RULES,
  resolve: resolveConfiguration,
});

/** Returns the configuration that a file in `directory` with this text would give, whatever the environment says. */
export const parseConfiguration = (text: string, directory: string): Configuration =>
  parse(gatewayConfiguration, { text, directory });
