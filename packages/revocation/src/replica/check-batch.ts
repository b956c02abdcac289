import {
  CHAIN_BYTES,
  decodeBase64url,
  encodeBase64url,
  extendChain,
  RECORD_BYTES,
  type SignedHeadClaims,
  unlessAborted,
} from "@portcullis/protocol";
import { checkAllKnown, checkSequence, firstUnknown } from "../encoded-record.ts";
import { revocationError } from "../errors.ts";
import type { DecodedBatch } from "../feed.ts";
import { sha256 } from "../sha256.ts";
import type { SeenHeads } from "./seen-heads.ts";

export type VerifyHead = (jws: string) => Promise<SignedHeadClaims>;

/** A place in a log and what its chain is there: together they name everything up to it. */
interface ChainPoint {
  readonly incarnation: string;
  readonly seq: number;
  /** Base64url of 32 bytes. */
  readonly chain: string;
}

interface CheckOptions {
  readonly verifyHead?: VerifyHead | undefined;
  readonly signal: AbortSignal;
  /** Told of each word of the issuer; throws for one that goes back. */
  readonly seen: SeenHeads;
}

/**
 * Returns the part of a batch that follows on `at`. Throws `malformed_feed` or `malformed_records` for what leaves a gap or is
 * not what it says, `feed_conflict` when its chain shows that the log is another one, and `unknown_record` when the log itself
 * has gone on with a record of a newer server. Publishers may cut the log in different places, so a batch may begin before
 * `at`; the chain tells whether the rest of it fits.
 */
export async function checkBatch(
  batch: DecodedBatch,
  at: ChainPoint,
  options: CheckOptions,
): Promise<DecodedBatch> {
  const { prev, from, to, incarnation, chain } = batch;
  if (from !== prev + 1 || prev > at.seq) {
    throw malformed(`a batch that follows on ${prev}, and ${at.seq} was applied`);
  }
  checkSequence(batch.records, from, to);
  const unknownAt = firstUnknown(batch.records);
  // Before the chain is looked at: what nobody signed must not make this replica give its log up.
  await checkHead(batch.signedHead, { incarnation, seq: to, chain }, options);
  const records = batch.records.subarray((at.seq - prev) * RECORD_BYTES);
  const value = encodeBase64url(extendChain(chainOf(at.chain), records, sha256));
  if (value !== chain) throw revocationError("feed_conflict", { detail: "chain_conflict" });
  // Last: it ends the lease, which nobody but the log itself must be able to do.
  checkAllKnown(batch.records, unknownAt);
  return { ...batch, prev: at.seq, from: at.seq + 1, records };
}

/**
 * Returns what the issuer has signed. Throws `malformed_feed` unless it is exactly this, and goes not back behind what was
 * seen. Checks nothing without `verifyHead`.
 */
export async function checkHead(
  jws: string | undefined,
  said: ChainPoint,
  options: CheckOptions,
): Promise<SignedHeadClaims | undefined> {
  const claims = await verifiedHead(jws, options);
  if (claims === undefined) return undefined;
  const { incarnation, seq, chain } = claims;
  if (incarnation !== said.incarnation || seq !== said.seq || chain !== said.chain) {
    throw malformed(
      `signed is head ${seq} of ${incarnation}, and sent was ${said.seq} of ${said.incarnation}`,
    );
  }
  options.seen.take(claims);
  return claims;
}

/** Returns the claims of the issuer's word, of whatever head; undefined without `verifyHead`. */
export async function verifiedHead(
  jws: string | undefined,
  { verifyHead, signal }: Pick<CheckOptions, "verifyHead" | "signal">,
): Promise<SignedHeadClaims | undefined> {
  if (verifyHead === undefined) return undefined;
  if (jws === undefined) throw malformed("a head that is not signed");
  return unlessAborted(verifyHead(jws), signal);
}

export function chainOf(text: string): Uint8Array {
  const chain = decodeBase64url(text);
  if (chain?.length !== CHAIN_BYTES) throw malformed("a chain that is not 32 bytes");
  return chain;
}

const malformed = (detail: string) => revocationError("malformed_feed", { detail });
