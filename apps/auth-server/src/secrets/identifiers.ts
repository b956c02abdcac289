import { hash } from "node:crypto";
import { encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";

export type RandomBytes = (size: number) => Uint8Array;

/** 128 random bits in the one spelling of claims `sid`, `gid` and `jti`: verifiers decode them into 16 bytes. */
export const newIdentifier = (randomBytes: RandomBytes): string =>
  encodeIdentifier(randomBytes(IDENTIFIER_BYTES));

/**
 * How a secret that we hand out (a code, a token, a cookie) is kept: whoever reads the database cannot use it.
 * They are random, so that a plain hash is enough. The model is part of it: a value of one is none of another.
 */
export function hashOfSecret(model: string, value: string): Uint8Array {
  return hash("sha256", `${model}\n${value}`, "buffer");
}
