import {
  createTransactionTokenVerifier,
  isAccessTokenError,
  type KeySource,
  remoteKeySource,
} from "@portcullis/access-token";
import { keySetOf } from "@portcullis/issuer";
import type { FastifyReply, FastifyRequest, preHandlerAsyncHookHandler } from "fastify";

declare module "fastify" {
  interface FastifyRequest {
    /** The gateway's identifier of the call; null when the call came directly. */
    transaction: string | null;
  }
}

const HEADER = "txn-token";

export interface TransactionTokenCheck {
  /** The gateway: compared with `iss`. */
  readonly issuer: string;
  readonly audience: string;
  readonly keys?: KeySource;
}

/**
 * After the guard: a call may bring the gateway's word about whom it is for. What it says must be signed by the
 * gateway, and be about the same subject as the access token. A wrong one is never ignored, since something
 * between the gateway and here made it.
 */
export function checkTransactionToken(check: TransactionTokenCheck | undefined): preHandlerAsyncHookHandler {
  const verifier =
    check && createTransactionTokenVerifier({ ...check, keys: check.keys ?? gatewayKeys(check.issuer) });
  return async (request, reply) => {
    const token = request.headers[HEADER];
    if (token === undefined) return;
    if (verifier === undefined || typeof token !== "string")
      return refuse(reply, "unexpected_transaction_token");
    try {
      const { claims, subject } = await verifier.verify(token);
      if (subject !== request.principal.subject) return refuse(reply, "wrong_subject");
      request.transaction = claims.txn;
    } catch (error) {
      return refuseAs(request, reply, error);
    }
  };
}

const gatewayKeys = (issuer: string): KeySource =>
  remoteKeySource({ fetchKeySet: keySetOf({ issuer, jwksUri: `${issuer}/.well-known/jwks.json` }) });

function refuseAs(request: FastifyRequest, reply: FastifyReply, error: unknown): FastifyReply {
  if (!isAccessTokenError(error)) throw error;
  request.log.warn({ event: "transaction_token_refused", code: error.code });
  if (error.status !== 503) return refuse(reply, error.code);
  // The gateway's keys cannot be fetched: nothing is wrong with the call.
  return reply
    .code(503)
    .header("retry-after", "1")
    .send({ error: "temporarily_unavailable", error_description: "The gateway's keys cannot be fetched." });
}

function refuse(reply: FastifyReply, code: string): FastifyReply {
  return reply
    .code(400)
    .send({ error: "invalid_transaction_token", error_description: `The Txn-Token was refused: ${code}.` });
}
