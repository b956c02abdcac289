/** A configuration with one of everything, for the tests of the reader. */
import assert from "node:assert/strict";
import { hasCode } from "@portcullis/protocol";
import {
  configurationOf,
  defineConfiguration,
  eachOnce,
  listenSchema,
  parseConfiguration,
  redisSchema,
  secret,
} from "@portcullis/service";
import { z } from "zod";

const apiIdentifier = z.string().startsWith("https:", "must be the identifier of an API");
const schema = z.strictObject({
  issuer: z.url().describe("Who issues."),
  listen: listenSchema.describe("Where clients connect."),
  verbose: z.boolean().default(false).describe("Whether it talks."),
  audience: z.string().min(1).optional().describe("For whom."),
  verifier: z.strictObject({
    clientId: z.string().min(1).describe("Its name."),
    clientSecret: secret(z.string().min(8).describe("Its secret.")),
  }),
  limits: z
    .strictObject({ requestBytes: z.int().min(1).max(100).default(50).describe("Of one request.") })
    .prefault({})
    .describe("Limits."),
  origins: z.array(z.string()).default([]).describe("Who may call."),
  redis: redisSchema.optional().describe("A Redis."),
  clients: z
    .array(
      z.strictObject({
        clientId: z.string().min(1).describe("Its name."),
        clientSecret: secret(z.string().min(8).optional().describe("Its secret.")),
        scopes: z.record(apiIdentifier, z.array(z.string())).default({}).describe("Per API."),
      }),
    )
    .default([])
    .describe("Apps."),
});

export const definition = defineConfiguration({
  schema,
  rules: [
    eachOnce("clients", "clientId"),
    {
      reads: ["issuer", "audience"],
      check: ({ issuer, audience }) =>
        audience === issuer ? [{ path: ["audience"], message: "found the issuer; name the API" }] : [],
    },
    {
      reads: ["clients[].clientSecret", "verifier.clientSecret"],
      check: ({ clients, verifier }, at) =>
        clients[at]!.clientSecret === verifier.clientSecret
          ? [{ path: ["clients", at, "clientSecret"], message: "found the verifier's; make another" }]
          : [],
    },
  ],
  resolve: (written) => written,
});

export const valid = () => ({
  issuer: "https://login.example",
  listen: { port: 8400 },
  verifier: { clientId: "gateway", clientSecret: "s3cret-s3cret" } as Record<string, unknown>,
  clients: [{ clientId: "web" }] as Record<string, unknown>[],
});

export type Document = ReturnType<typeof valid> & Record<string, unknown>;

export interface Said {
  readonly change?: (document: Document) => void;
  readonly environment?: Record<string, string>;
  readonly directory?: string;
}

export function read({ change = () => {}, environment = {}, directory = "/etc" }: Said = {}) {
  const document: Document = valid();
  change(document);
  return configurationOf(definition, { document, environment, directory });
}

/** Lines of what is wrong, without the first, which counts them. */
export const problems = (said: Said): string[] => linesOf(() => read(said));
export const problemsOfText = (text: string): string[] =>
  linesOf(() => parseConfiguration(definition, { text, directory: "/etc" }));

function linesOf(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    assert.ok(hasCode(error, "configuration_invalid"), String(error));
    return error.message
      .split("\n")
      .slice(1)
      .map((line) => line.trim());
  }
  throw new assert.AssertionError({ message: "the configuration was accepted" });
}
