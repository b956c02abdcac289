export { listenSchema, managementSchema, resolveManagement, samePort } from "./addresses.ts";
export { type Environment, environmentNameOf } from "./environment.ts";
export { httpUrlSchema, originSchema } from "./http-url.ts";
export type { Problem, SettingPath } from "./problems.ts";
export {
  type ConfigurationDefinition,
  type ConfiguredFrom,
  configurationOf,
  defineConfiguration,
  parseConfiguration,
  readConfiguration,
} from "./read-configuration.ts";
export { type RedisConnection, type RedisSettings, redisSchema, redisSettings } from "./redis-schema.ts";
export { eachOnce, type Rule } from "./rules.ts";
export { filePath, secret } from "./secret.ts";
