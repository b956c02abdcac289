/** The configuration as it is written. Descriptions and defaults here make docs/reference/relay-configuration.md. */
import { LONGEST_LEASE_MS } from "@portcullis/feed-server";
import { httpUrlSchema, listenSchema, managementSchema, secret } from "@portcullis/service";
import { z } from "zod";

export const DEFAULT_MANAGEMENT_PORT = 8415;
const text = z.string().min(1);

const limits = z.strictObject({
  leasesPerClient: z.int().min(1).default(10_000).describe("Verifiers of one client that may hold a lease."),
  streamsPerClient: z.int().min(1).default(10_000).describe("Streams that one client may have open."),
});

export const configurationSchema = z.strictObject({
  issuer: httpUrlSchema.describe("The authorization server whose revocations are passed on."),
  audience: text
    .optional()
    .describe("Resource of the issuer's own API, for which verifiers have tokens. Default: `<issuer>/api`."),
  clientId: text.describe("The relay's own client, with scope `revocations.read`."),
  clientSecret: secret(text.describe("Its secret.")),
  name: z
    .string()
    .regex(/^[\w.@-]{1,80}$/, 'must be letters, digits and "_.@-", at most 80')
    .default("relay")
    .describe("Shown in receipts; a suffix makes it unique for each process."),
  listen: listenSchema.describe("Where verifiers connect."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/metrics`. On another port than `listen`.",
  ),
  leaseMs: z
    .int()
    .min(2000)
    .max(LONGEST_LEASE_MS)
    .default(10_000)
    .describe("The relay's own lease: how long those below may go on when the feed above is gone."),
  upstream: httpUrlSchema
    .optional()
    .describe("Base URL of the feed above, when it is another relay. Default: what the issuer names."),
  limits: limits.prefault({}).describe("Bounds of what one client can take."),
});

export type WrittenConfiguration = z.output<typeof configurationSchema>;
