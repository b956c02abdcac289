/** The one row that describes the log: made at the first start, read and compared with the log at every start. */
import { CHAIN_START, encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { logError } from "./errors.ts";

const HASH_KEY_BYTES = 32;

export interface LogState {
  readonly incarnation: string;
  readonly head: number;
  readonly chain: Uint8Array;
  readonly hashKey: Uint8Array;
  readonly oldestKept: number;
}

export async function createState(options: {
  /** On a writing connection, while no other server is starting. */
  readonly write: Kysely<Database>;
  readonly randomBytes: (size: number) => Uint8Array;
}): Promise<void> {
  const { write, randomBytes } = options;
  await write
    .insertInto("revocation_state")
    .values({
      id: 1,
      incarnation: encodeIdentifier(randomBytes(IDENTIFIER_BYTES)),
      head: 0,
      chain: CHAIN_START,
      hash_key: randomBytes(HASH_KEY_BYTES),
      anchor_seq: 0,
      anchor_chain: CHAIN_START,
    })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** One statement, and so one state of the database: another server may append at this very moment. */
export async function readState(read: Kysely<Database>): Promise<LogState> {
  const state = await read
    .selectFrom("revocation_state")
    .select(({ selectFrom }) => [
      "incarnation",
      "head",
      "chain",
      "hash_key",
      selectFrom("revocations")
        .select(({ fn }) => fn.min("seq").as("seq"))
        .as("oldest"),
      selectFrom("revocations")
        .select(({ fn }) => fn.max("seq").as("seq"))
        .as("newest"),
      selectFrom("revocations")
        .select(({ fn }) => fn.countAll<number>().as("count"))
        .as("count"),
    ])
    .executeTakeFirstOrThrow();
  const oldestKept = state.oldest ?? state.head + 1;
  if ((state.newest ?? state.head) !== state.head || state.count !== state.head - oldestKept + 1) {
    // Edited by hand or damaged. To go on would be to leave out a revocation without a word.
    throw logError("log_inconsistent", {
      text: `The revocation log ends at ${state.newest} with ${state.count} rows from ${oldestKept}, its counter at ${state.head}. Restore the database from a backup.`,
    });
  }
  const { incarnation, head, chain, hash_key: hashKey } = state;
  return { incarnation, head, chain, hashKey, oldestKept };
}

/** What may have moved since: by other servers on the database. */
export function readPosition(read: Kysely<Database>) {
  return read
    .selectFrom("revocation_state")
    .select(({ selectFrom }) => [
      "incarnation",
      "head",
      "chain",
      "anchor_seq",
      "anchor_chain",
      selectFrom("token_lifetimes")
        .select(({ fn }) => fn.max("seconds").as("seconds"))
        .as("longest_lifetime"),
    ])
    .executeTakeFirstOrThrow();
}

export type LogStatePosition = Awaited<ReturnType<typeof readPosition>>;
