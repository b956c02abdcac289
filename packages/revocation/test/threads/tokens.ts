import { encodeIdentifier } from "@portcullis/protocol";
import { START_SECONDS } from "../memory-log.ts";
import type { Token } from "./questions.ts";

/** Spread over all bits, and different for different numbers, as random identifiers are. */
export function identifierOf(value: number): Uint8Array {
  const words = new DataView(new ArrayBuffer(16));
  for (let word = 0; word < 4; word++) words.setInt32(word * 4, spread(value + word * 0x1000_0000));
  return new Uint8Array(words.buffer);
}

/** The finalizer of MurmurHash3 is one to one. */
function spread(value: number): number {
  let mixed = value | 0;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85eb_ca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}

export const sessionToken = (value: number): Token => ({
  claims: {
    iss: "issuer",
    iat: START_SECONDS,
    exp: START_SECONDS + 300,
    rv: 0,
    sid: encodeIdentifier(identifierOf(value)),
  },
  header: {},
});
