import { z } from "zod";
import { secret } from "./secret.ts";

const text = z.string().min(1);

const node = z.strictObject({
  host: text.describe("Name or address."),
  port: z.int().min(1).max(65_535).default(6379).describe("TCP port."),
});

const login = {
  username: text.optional().describe("User name (Redis ACL)."),
  password: secret(text.optional().describe("Password of that user.")),
  tls: z.boolean().default(false).describe("Whether connections are encrypted."),
};

/** One server, a group with Sentinels, or a Cluster. */
const connection = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("single").describe("One server, a group with Sentinels, or a Cluster."),
    ...node.shape,
    ...login,
  }),
  z.strictObject({
    kind: z.literal("sentinel"),
    name: text.describe("Name of the master, as the Sentinels know it."),
    sentinels: z.array(node).min(1).describe("Some of the Sentinels. They are asked without a login."),
    ...login,
  }),
  z.strictObject({
    kind: z.literal("cluster"),
    nodes: z.array(node).min(1).describe("Some of the nodes. The others are found by themselves."),
    ...login,
  }),
]);

/** What every process that names a Redis says of it. All of one installation say the same. */
export const redisSettings = {
  connection: connection.describe("How Redis is reached."),
  keyPrefix: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "must have letters, digits, and . _ - only")
    .default("portcullis")
    .describe("Prefix of every key, except the plain keys, whose names are fixed."),
};

export const redisSchema = z.strictObject(redisSettings);

export type RedisSettings = z.output<typeof redisSchema>;
export type RedisConnection = RedisSettings["connection"];
