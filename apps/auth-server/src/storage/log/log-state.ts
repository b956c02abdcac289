/** The one row that describes the log: made at the first start, read and compared with the log at every start. */
import { CHAIN_START, type Clock, encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import { wholeSeconds } from "../stored-time.ts";
import { logError } from "./errors.ts";

const HASH_KEY_BYTES = 32;

export interface LogState {
  readonly incarnation: string;
  readonly epoch: number;
  readonly head: number;
  readonly chain: Uint8Array;
  readonly hashKey: Uint8Array;
  readonly oldestKept: number;
}

export async function createState(options: {
  /** On a writing connection, while no other server is starting. */
  readonly write: Kysely<Database>;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly clock: Clock;
}): Promise<void> {
  const { write, randomBytes, clock } = options;
  await write
    .insertInto("revocation_state")
    .values({
      id: 1,
      incarnation: encodeIdentifier(randomBytes(IDENTIFIER_BYTES)),
      epoch: wholeSeconds(clock),
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
      "epoch",
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
  const { incarnation, epoch, head, chain, hash_key: hashKey } = state;
  return { incarnation, epoch, head, chain, hashKey, oldestKept };
}

/**
 * Gives the log its next incarnation, unless another server was faster. Verifiers never go back to an earlier epoch. It is
 * a time, and not a count, since a backup that is restored has forgotten how many there were; and one more than the last where
 * the clock says less.
 */
export async function setIncarnation(
  db: Kysely<Database>,
  next: { readonly incarnation: string; readonly after?: string; readonly nowSeconds: number },
): Promise<void> {
  const { incarnation, after, nowSeconds: now } = next;
  await db
    .updateTable("revocation_state")
    .set(({ eb }) => ({
      incarnation,
      epoch: eb
        .case()
        .when("epoch", "<", now)
        .then(now)
        .else(eb("epoch", "+", 1))
        .end(),
    }))
    .$if(after !== undefined, (update) => update.where("incarnation", "=", after!))
    .execute();
}

/** What may have moved since: by other servers on the database. */
export function readPosition(read: Kysely<Database>) {
  return read
    .selectFrom("revocation_state")
    .select(({ selectFrom }) => [
      "incarnation",
      "epoch",
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
