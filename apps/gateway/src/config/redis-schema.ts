import { z } from "zod";

const text = z.string().min(1);

const redisNode = z.strictObject({
  host: text.describe("Name or address."),
  port: z.int().min(1).max(65_535).default(6379).describe("TCP port."),
});
const redisLogin = {
  username: text.optional().describe("Of the ACL; it needs `~<keyPrefix>:feed +@read +@connection`."),
  password: text.optional().describe("Of that user."),
  tls: z.boolean().default(false).describe("Whether connections are encrypted."),
};

export const redisSchema = z.strictObject({
  connection: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("single"), ...redisNode.shape, ...redisLogin }),
      z.strictObject({
        kind: z.literal("sentinel"),
        name: text.describe("Of the master, as the Sentinels know it."),
        sentinels: z.array(redisNode).min(1).describe("Some of them."),
        ...redisLogin,
      }),
      z.strictObject({
        kind: z.literal("cluster"),
        nodes: z.array(redisNode).min(1).describe("Some of them; the others are found."),
        ...redisLogin,
      }),
    ])
    .describe("One server, a group with Sentinels, or a Cluster."),
  keyPrefix: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "may have letters, digits, and . _ - only")
    .default("portcullis")
    .describe("As the authorization server has it."),
});

export type RedisSettings = z.output<typeof redisSchema>;
