/**
 * The chain over the log: a hash of every record and of all before it. Two that have the same value at the same seq
 * hold the same records in the same order. The value after record n is
 *
 *   SHA-256( value after n - 1, 32 bytes | record n as in records.ts, 40 bytes )
 *
 * and before the first record it is 32 zero bytes. Hashing is a port, since this package does no I/O and runs in
 * browsers too.
 */
import { RECORD_BYTES } from "./records.ts";
import type { Sha256 } from "./snapshot.ts";

export const CHAIN_BYTES = 32;

export const CHAIN_START: Uint8Array = new Uint8Array(CHAIN_BYTES);

/** Returns the value after all of these encoded records; `chain` itself when there are none. */
export function extendChain(chain: Uint8Array, records: Uint8Array, sha256: Sha256): Uint8Array {
  const message = new Uint8Array(CHAIN_BYTES + RECORD_BYTES);
  let value = chain;
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    message.set(value);
    message.set(records.subarray(at, at + RECORD_BYTES), CHAIN_BYTES);
    value = sha256(message);
  }
  return value;
}
