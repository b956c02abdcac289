/** The configuration file as it is written; docs/reference/relay-configuration.md describes the same settings. */
import { LONGEST_LEASE_MS } from "@portcullis/feed-server";
import { z } from "zod";

const text = z.string().min(1);
const httpUrl = text.refine(isHttpUrl, "must be an http or https URL without user, query or fragment");

const listen = z.strictObject({
  host: text.default("127.0.0.1").describe("Address that the relay is bound to."),
  port: z.int().min(0).max(65_535).describe("TCP port; 0 takes a free one."),
});

const limits = z.strictObject({
  leasesPerClient: z.int().min(1).default(10_000).describe("Verifiers of one client that may hold a lease."),
  streamsPerClient: z.int().min(1).default(10_000).describe("Streams that one client may have open."),
});

export const configurationSchema = z.strictObject({
  issuer: httpUrl.describe("The authorization server whose revocations are passed on."),
  audience: text
    .optional()
    .describe("Resource of the issuer's own API, for which verifiers have tokens. Default: `<issuer>/api`."),
  clientId: text.describe("The relay's own client, with scope `revocations.read`."),
  clientSecret: text.optional().describe("Its secret; or name a file."),
  clientSecretFile: text.optional().describe("File that holds the secret, relative to this file."),
  name: z
    .string()
    .regex(/^[\w.@-]{1,80}$/, 'must be letters, digits and "_.@-", at most 80')
    .default("relay")
    .describe("Shown in receipts; a suffix makes it unique for each process."),
  listen: listen.describe("Where verifiers connect."),
  leaseMs: z
    .int()
    .min(2000)
    .max(LONGEST_LEASE_MS)
    .default(10_000)
    .describe("The relay's own lease: how long those below may go on when the feed above is gone."),
  upstream: httpUrl
    .optional()
    .describe("Base URL of the feed above, when it is another relay. Default: what the issuer names."),
  limits: limits.prefault({}).describe("Bounds of what one client can take."),
});

export type WrittenConfiguration = z.output<typeof configurationSchema>;

function isHttpUrl(value: string): boolean {
  const url = URL.parse(value);
  if (url === null || !["http:", "https:"].includes(url.protocol)) return false;
  return url.username === "" && url.password === "" && !/[?#]/.test(value);
}
