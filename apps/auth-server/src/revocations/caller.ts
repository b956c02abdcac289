import type { RevocableClaims } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";

/** Who calls the API: the part of the guard's Principal that is needed here. */
export interface Caller {
  readonly clientId: string;
  /** Seconds: a stream does not outlive the token that opened it. */
  readonly expiresAt: number;
  readonly claims: RevocableClaims;
  /** Of the token; without it a retired signing key ends a stream only when the token expires. */
  readonly header?: { readonly kid?: string };
}

/**
 * The bearer token of the request, verified for the API as audience and for the scope. Undefined when it was
 * refused: the answer has been sent then.
 */
export type Authenticate = (
  request: FastifyRequest,
  reply: FastifyReply,
  scope: string,
) => Promise<Caller | undefined>;
