/** What the description of the relay's API says beyond the declarations of its routes. */
import { DESCRIPTION_TAG, type DocumentOptions, type MountedRoute } from "@portcullis/http-api";
import { API_SCOPES, leaseRequestSchema, leaseResponseSchema } from "@portcullis/protocol";
import type { Configuration } from "./config/relay-configuration.ts";

export type DescribedRelay = Pick<Configuration, "issuer" | "audience">;

/** Returns them. A relay does not know what it is called from outside, so its paths are relative to where the document was found. */
export function describeRelay(
  { issuer, audience }: DescribedRelay,
  routes: readonly MountedRoute[],
): DocumentOptions {
  return {
    title: "Portcullis relay",
    version: "1",
    description: [
      `A relay serves the feed of \`${issuer}\`: verifiers need no more than another host. They bring the tokens that they have for that issuer's own API: JWT access tokens for the audience \`${audience}\`.`,
      "Bodies and answers are JSON, at most 16 KiB. All problems of a request are told at once. Errors have a stable code to branch on; their texts may change.",
      "While the relay's own lease has run out, or it holds less than its caller, the answer is 503, and never 401.",
    ].join("\n\n"),
    server: "/",
    tokens: { metadata: `${issuer}/.well-known/openid-configuration` },
    scopes: { [API_SCOPES.readRevocations]: "Follow the revocations, as a verifier does." },
    tags: { Feed: "What verifiers call. The guard does all of it.", ...DESCRIPTION_TAG },
    schemas: { LeaseRequest: leaseRequestSchema, LeaseResponse: leaseResponseSchema },
    routes,
  };
}
