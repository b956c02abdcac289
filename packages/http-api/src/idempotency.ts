/**
 * A call that is sent again with the same `Idempotency-Key` is made once, and answered as the first time: whoever lost the connection
 * before the answer may repeat it (draft-ietf-httpapi-idempotency-key-header). What was kept is behind the port; 24 hours are enough.
 */
import { hash } from "node:crypto";
import { PortcullisError } from "@portcullis/protocol";
import type { FastifyRequest } from "fastify";
import { z } from "zod";
import type { Caller } from "./caller.ts";
import type { GivenAnswer } from "./declare-route.ts";
import { httpApiError } from "./errors.ts";

export interface KeyedCall {
  readonly key: string;
  /** Nobody is answered what was answered to somebody else. */
  readonly callerId: string;
}

export interface Claimed extends KeyedCall {
  /** SHA-256 of what is asked. A body may hold a password that can be guessed: the store keys it (HMAC) before it writes it. */
  readonly fingerprint: Uint8Array;
}

export interface StoredAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON text. It may hold a secret that is shown once: the store encrypts it. */
  readonly body: string;
}

export type Claim =
  /** Nobody has made the call. It is the claimant's now, until `complete`, `release`, or an end that the store sets: a server may die. */
  | { readonly state: "fresh" }
  | { readonly state: "replay"; readonly answer: StoredAnswer }
  /** The key was used for another call. */
  | { readonly state: "conflict" }
  | { readonly state: "in_progress" };

/** Port: which calls were made, and what was answered. */
export interface IdempotencyKeys {
  /** Atomic over all servers: of two claims at once one is fresh. Rejects when it cannot be known, and then nothing is done. */
  claim(call: Claimed): Promise<Claim>;
  /** Keeps the answer. The call was made: what cannot be stored the store reports itself, and does not reject. */
  complete(call: KeyedCall, answer: StoredAnswer): Promise<void>;
  /** Gives the key back: the call was refused, and nothing was changed. Like `complete`, it does not reject. */
  release(call: KeyedCall): Promise<void>;
}

const KEY_WORDS = "Must be 1 to 255 visible characters, in quotes or without.";

/** The draft has it in quotes (RFC 9651), most clients send it without: both are the same key. */
const keySchema = z
  .string()
  .regex(/^(?:"[\x20\x21\x23-\x5b\x5d-\x7e]{1,255}"|[\x21\x23-\x7e]{1,255})$/, KEY_WORDS)
  .transform((text) => text.replace(/^"(.*)"$/, "$1"))
  .optional()
  .meta({
    description:
      "Chosen by the caller, new for each call that it means to make. Sent again with it within 24 hours, the call is not made again: the first answer is repeated.",
    example: "5f0c4a3e-2d0f-4c29-9f3a-2f1f9f0f6b1e",
    param: { id: "IdempotencyKey" },
  });

/** Header of a call that may be repeated. */
export const IDEMPOTENCY_KEY = { "Idempotency-Key": keySchema };

/** Headers of its answers. */
export const REPLAYED = {
  "Idempotent-Replayed": "`true`: this is the answer to an earlier call with the same `Idempotency-Key`.",
} as const;

/** Returns the same text for the same person through the same client. */
export const callerIdOf = ({ clientId, claims }: Caller): string =>
  JSON.stringify([clientId, (claims as { readonly sub?: unknown }).sub ?? null]);

/** Returns what tells one call from another: operation, path, query and body, whatever the order of their members. */
export const fingerprintOf = (operationId: string, { params, query, body }: FastifyRequest): Uint8Array =>
  hash("sha256", JSON.stringify(ordered([operationId, params, query, body ?? {}])), "buffer");

function ordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.entries(value)
    .toSorted(([left], [right]) => (left < right ? -1 : 1))
    .map(([name, member]) => [name, ordered(member)]);
}

export interface MadeOnce {
  readonly keys: IdempotencyKeys;
  readonly call: Claimed;
  readonly make: () => Promise<GivenAnswer>;
  /** What the caller is told of a fault of ours. */
  readonly answerToFault: () => StoredAnswer;
}

/**
 * Makes the call unless it was made, and returns its answer. A refusal changed nothing: the key is given back, so that the call can
 * be sent again when what it lacked is there. After a fault nobody knows what was changed: that, too, is answered once and repeated, and
 * whoever wants to try again looks first and takes a new key.
 */
export async function makeOnce({ keys, call, make, answerToFault }: MadeOnce): Promise<GivenAnswer> {
  const claim = await keys.claim(call);
  switch (claim.state) {
    case "replay":
      return repeated(claim.answer);
    case "conflict":
      throw httpApiError("idempotency_key_reused");
    case "in_progress":
      throw httpApiError("idempotency_key_in_progress");
    case "fresh":
      return makeFresh({ keys, call, make, answerToFault });
  }
}

/** As bytes: they are those of the first time. */
const repeated = ({ status, headers, body }: StoredAnswer): GivenAnswer => ({
  status,
  headers: { ...headers, "idempotent-replayed": "true" },
  bytes: Buffer.from(body),
});

async function makeFresh({ keys, call, make, answerToFault }: MadeOnce): Promise<GivenAnswer> {
  let answer: GivenAnswer;
  try {
    answer = await make();
  } catch (error) {
    if (isRefusal(error)) await keys.release(call);
    else await keys.complete(call, answerToFault());
    throw error;
  }
  // Outside: were this to fail, the key must not be given back, since the call was made.
  await keys.complete(call, storedFrom(answer));
  return answer;
}

/** Of ours, and before anything was changed. 503 says so, too: nothing was changed, come again. */
const isRefusal = (error: unknown): boolean =>
  error instanceof PortcullisError && (error.status < 500 || error.status === 503);

function storedFrom(answer: GivenAnswer): StoredAnswer {
  if (!("body" in answer)) throw new TypeError("an answer that cannot be repeated");
  const { status, headers = {}, body } = answer;
  return {
    status,
    headers: { ...headers, "content-type": "application/json; charset=utf-8" },
    body: JSON.stringify(body),
  };
}
