import { CHAIN_START, encodeBase64url, type VerifierStatus } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";

/** Seqs of one statement. */
const ASKED_AT_ONCE = 1000;

/**
 * Says of each verifier whether the chain that it reports is the one that SQL has at the same place. Says nothing
 * where it reports none, or where SQL has no value any more: not to know is not to agree.
 */
export async function compareVerifiers(
  read: Kysely<Database>,
  verifiers: readonly VerifierStatus[],
): Promise<VerifierStatus[]> {
  const seqs = verifiers.filter(({ chain }) => chain !== undefined).map(({ applied }) => applied);
  const stored = await chainsAt(read, [...new Set(seqs)]);
  return verifiers.map((verifier) => {
    const expected = stored.get(verifier.applied);
    if (verifier.chain === undefined || expected === undefined) return verifier;
    return { ...verifier, agrees: verifier.agrees !== false && verifier.chain === expected };
  });
}

async function chainsAt(read: Kysely<Database>, seqs: readonly number[]): Promise<Map<number, string>> {
  const chains = new Map([[0, encodeBase64url(CHAIN_START)]]);
  if (seqs.length === 0) return chains;
  const anchor = await read
    .selectFrom("revocation_state")
    .select(["anchor_seq", "anchor_chain"])
    .executeTakeFirstOrThrow();
  chains.set(anchor.anchor_seq, encodeBase64url(anchor.anchor_chain));
  for (let at = 0; at < seqs.length; at += ASKED_AT_ONCE) {
    const rows = await read
      .selectFrom("revocations")
      .select(["seq", "chain"])
      .where("seq", "in", seqs.slice(at, at + ASKED_AT_ONCE))
      .execute();
    for (const { seq, chain } of rows) chains.set(seq, encodeBase64url(chain));
  }
  return chains;
}
