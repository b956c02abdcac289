import { CHAIN_START, encodeBase64url } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";

/** Seqs of one statement. */
const ASKED_AT_ONCE = 1000;

/** The values of the chain that SQL has at these places, by seq. None where it has no value any more, or not yet. */
export async function storedChains(
  read: Kysely<Database>,
  seqs: readonly number[],
): Promise<Map<number, string>> {
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
