/** What verifiers may take of this server. */
import { DEFAULT_LEASE_TERMS, type LeaseTerms } from "@portcullis/feed-server";
import { MAX_WAIT_SECONDS } from "@portcullis/http-api";
import { z } from "zod";

const names = z.int().min(1).max(10_000);

export const verifiersSchema = z.strictObject({
  shortestLeaseMs: z
    .int()
    .min(100)
    .max(5000)
    .default(DEFAULT_LEASE_TERMS.shortestMs)
    .describe("A verifier that asks for a shorter lease is refused."),
  longestLeaseMs: z
    .int()
    .min(5000)
    // Below the longest wait, so that a wait can end with `enforced` whatever one verifier does.
    .max((MAX_WAIT_SECONDS - 1) * 1000)
    .default(DEFAULT_LEASE_TERMS.longestMs)
    .describe(
      "A verifier that asks for a longer lease gets one of this length. A silent verifier keeps a receipt waiting for so long at most.",
    ),
  maxNamesPerClient: names
    .default(DEFAULT_LEASE_TERMS.namesPerClient)
    .describe(
      "How many verifiers of one client may hold a lease. A dead one counts until its lease has run out, and with PostgreSQL for a minute more.",
    ),
  clients: z
    .array(
      z.strictObject({
        clientId: z.string().min(1).describe("`clientId` of the verifiers."),
        maxNames: names.describe("How many of its verifiers may hold a lease."),
      }),
    )
    .default([])
    .describe(
      "Other numbers for single clients. Set them near the number of processes that you run: who steals the secret of a client can invent no more names than this.",
    ),
});

export function leaseTermsOf(verifiers: z.output<typeof verifiersSchema>): LeaseTerms {
  const { shortestLeaseMs, longestLeaseMs, maxNamesPerClient, clients } = verifiers;
  return {
    shortestMs: shortestLeaseMs,
    longestMs: longestLeaseMs,
    namesPerClient: maxNamesPerClient,
    namesByClient: Object.fromEntries(clients.map(({ clientId, maxNames }) => [clientId, maxNames])),
  };
}
