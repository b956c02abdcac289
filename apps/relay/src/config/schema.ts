/** The configuration as it is written. Descriptions and defaults here make docs/reference/relay-configuration.md. */
import { LONGEST_LEASE_MS } from "@portcullis/feed-server";
import { httpUrlSchema, listenSchema, managementSchema, secret } from "@portcullis/service";
import { z } from "zod";

export const DEFAULT_MANAGEMENT_PORT = 8415;
const text = z.string().min(1);

const limits = z.strictObject({
  leasesPerClient: z
    .int()
    .min(1)
    .default(10_000)
    .describe("How many verifiers of one client may hold a lease."),
  streamsPerClient: z.int().min(1).default(10_000).describe("How many streams one client may have open."),
});

export const configurationSchema = z.strictObject({
  issuer: httpUrlSchema.describe("The authorization server whose revocations the relay passes on."),
  audience: text
    .optional()
    .describe("Audience of the tokens that verifiers bring: the issuer's own API. Default: `<issuer>/api`."),
  clientId: text.describe("The relay's own client at the issuer, with the scope `revocations.read`."),
  clientSecret: secret(text.describe("Its secret.")),
  name: z
    .string()
    .regex(/^[\w.@-]{1,80}$/, 'must be letters, digits and "_.@-", at most 80')
    .default("relay")
    .describe("Name in receipts. A suffix makes it unique for each process."),
  listen: listenSchema.describe("Where verifiers connect."),
  management: managementSchema(DEFAULT_MANAGEMENT_PORT).describe(
    "Where operators connect: `/livez`, `/readyz`, `/metrics`. On another port than `listen`.",
  ),
  leaseMs: z
    .int()
    .min(2000)
    .max(LONGEST_LEASE_MS)
    .default(10_000)
    .describe("The relay's own lease: how long verifiers below may go on when the feed above is gone."),
  upstream: httpUrlSchema
    .optional()
    .describe("Base URL of the feed above, if that is another relay. Default: what the issuer names."),
  limits: limits.prefault({}).describe("Limits on what one client can use."),
});

export type WrittenConfiguration = z.output<typeof configurationSchema>;
