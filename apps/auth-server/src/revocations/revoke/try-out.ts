/**
 * Runs an act for real in a unit of writing that is always undone, and counts what its records would end. So a dry run is refused with
 * whatever the act is refused with, and counts what the act would append: nobody writes an act twice.
 */
import type { BlastRadius } from "@portcullis/protocol";
import type { Storage } from "../../storage/storage.ts";
import type { Appended, RevocationDraft, Write, WriteTransaction } from "../../storage/write-transaction.ts";
import type { BlastRadiusOf } from "./revoker.ts";

export interface TryOutOptions {
  readonly storage: Storage;
  readonly blastRadiusOf: BlastRadiusOf;
}

/** `act` is given the storage that it must write with. It goes no further than its writing: there is nothing to read back. */
export async function tryOut(
  { storage, blastRadiusOf }: TryOutOptions,
  act: (trial: Storage) => Promise<unknown>,
): Promise<BlastRadius> {
  return blastRadiusOf(...(await rehearse(storage, act)));
}

/** Runs an act and undoes it, as above. Returns what it would append, and throws what it would be refused with. */
export const rehearse = (
  storage: Storage,
  act: (trial: Storage) => Promise<unknown>,
): Promise<readonly RevocationDraft[]> =>
  act({ ...storage, write: undone(storage.write) }).then(() => [], draftsOf);

class Undone extends Error {
  readonly drafts: readonly RevocationDraft[];

  constructor(drafts: readonly RevocationDraft[]) {
    super("undone, as it was meant");
    this.drafts = drafts;
  }
}

function draftsOf(error: unknown): readonly RevocationDraft[] {
  if (error instanceof Undone) return error.drafts;
  throw error;
}

/** A failed unit fails alone, and leaves nothing. */
const undone =
  (write: Write): Write =>
  (work, options) =>
    write(async (transaction) => {
      const drafts: RevocationDraft[] = [];
      await work(trialOf(transaction, drafts));
      throw new Undone(drafts);
    }, options);

/** What hangs below is not ended (`isTrial`): the rows of a hundred thousand grants would be locked for a question. */
const trialOf = (transaction: WriteTransaction, drafts: RevocationDraft[]): WriteTransaction => ({
  db: transaction.db,
  lockRows: transaction.lockRows,
  holdsProcess: transaction.holdsProcess,
  nextStep: transaction.nextStep,
  isTrial: true,
  append(some) {
    drafts.push(...some);
    return NO_PLACE;
  },
  atGroupEnd() {},
  afterCommit() {},
});

/** Nothing was appended: there is no record, and no receipt of it. */
const NO_PLACE: Appended = { seq: 0 };
