import {
  type BlastRadius,
  MODE_CODES,
  type Mode,
  type Reason,
  type RevocationRequest,
  SCOPE_CODES,
  type Scope,
} from "@portcullis/protocol";
import type { KeySpace, RevocationKey } from "@portcullis/revocation";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { SqlRevocationLog } from "../../storage/log/sql-revocation-log.ts";
import type { Appended, RevocationDraft, WriteTransaction } from "../../storage/write-transaction.ts";

/**
 * A request to revoke, and by whom. `tokenExpiresAt` only from the verified claims of the token itself: what a
 * request says (`exp`) is not proof enough to file the record under it.
 */
export type RevokeCommand = RevocationRequest & {
  readonly actor?: string;
  readonly tokenExpiresAt?: number;
};

export interface Revoker {
  /**
   * Resolves once the revocation is on disk, in the log and in the verdict of this server. Throws the target's own
   * error (`unknown_session` and the like) when there is no such thing: nobody must be told that it has ended.
   */
  revoke(command: RevokeCommand): Promise<Revoked>;
  /** What it would end. Changes nothing, and throws what `revoke` would. */
  wouldEnd(command: RevokeCommand): Promise<BlastRadius>;
  /** Of the record that ended what has ended already, for its receipt. */
  seqOf(reachedBy: readonly Reach[]): Promise<number>;
}

export interface Revoked {
  /** Of the record that ends it, or that ended it before. */
  readonly seq: number;
  /** As tokens name it. */
  readonly key: RevocationKey;
  readonly known: boolean;
  /** It had ended before, and nothing was written. */
  readonly repeated: boolean;
}

export interface RevocationTarget {
  readonly scope: Scope;
  readonly key: RevocationKey;
  readonly mode: Mode;
  readonly reason: Reason;
  readonly actor?: string;
}

/** Ends what hangs below the target (sessions, grants, refresh tokens, codes), in the same transaction. */
export type EndBelow = (transaction: WriteTransaction, target: RevocationTarget) => Promise<void>;

/** What these records would end, as it is stored: nothing is changed, and nobody waits for the counting. Never too little. */
export type BlastRadiusOf = (
  ...targets: readonly Pick<RevocationTarget, "scope" | "key" | "mode">[]
) => Promise<BlastRadius>;

export const NOTHING: BlastRadius = { users: 0, sessions: 0, apps: 0, tokens: 0 };
/** What no row of ours shows. Sessions are ours alone, and each of them has a row. */
export const UNCOUNTED: BlastRadius = { users: "unknown", sessions: 0, apps: "unknown", tokens: "unknown" };

/** What a revocation names, as it stands in the transaction that is to end it. */
export interface FoundTarget {
  readonly key: RevocationKey;
  /**
   * `unknowable`: nothing here keeps such things, so that it may be there. `absent`: there is no such thing, and if the
   * log has no record of its end either, there never was.
   */
  readonly state: "there" | "ended" | "absent" | "unknowable";
  /** What may have ended it, for the receipt: scopes whose kill reaches it, the narrowest first. */
  readonly reachedBy: readonly Reach[];
  /** Thrown when it is absent. */
  readonly unknown?: () => Error;
}

export interface Reach {
  readonly scope: Scope;
  readonly key: RevocationKey;
}

/** Throws when the request itself cannot be true: a user who is named by two, a reason that is not so. */
export type FindTarget = (transaction: WriteTransaction, command: RevokeCommand) => Promise<FoundTarget>;

/** For tokens of other issuers, of which nothing is known here; and for simulations. */
export const takeAsItIs: FindTarget = async (_transaction, command) => ({
  key: keyOf(command),
  state: "there",
  reachedBy: [],
});

type Write = <T>(work: (transaction: WriteTransaction) => Promise<T>) => Promise<T>;

export interface RevokerOptions {
  readonly write: Write;
  readonly read: Kysely<Database>;
  readonly log: Pick<SqlRevocationLog, "keySpace" | "refresh">;
  readonly endBelow: EndBelow;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly findTarget: FindTarget;
  /** Resolves once this server acts by what was committed, beside its verdicts: a signing key has its successor. */
  readonly settle?: () => Promise<void>;
}

export function createRevoker(options: RevokerOptions): Revoker {
  const seqOf = (reachedBy: readonly Reach[]) => seqOfEnding(reachedBy, options);
  return {
    seqOf,
    async wouldEnd(command) {
      if (isForeign(command)) return UNCOUNTED;
      const target = await options.write(async (transaction) => {
        const found = await options.findTarget(transaction, command);
        return (await hasEnded(transaction.db, found, options)) ? undefined : found;
      });
      if (target === undefined) return NOTHING;
      const { scope, mode } = command;
      return options.blastRadiusOf({ scope, key: target.key, mode });
    },
    async revoke(command) {
      const foreign = isForeign(command);
      const find = foreign ? takeAsItIs : options.findTarget;
      const { target, appended } = await options.write(async (transaction) => {
        const target = await find(transaction, command);
        const isOver = await hasEnded(transaction.db, target, options);
        return {
          target,
          appended: isOver ? undefined : await end(transaction, { command, target }, options),
        };
      });
      await options.settle?.();
      const seq = appended?.seq ?? (await seqOf(target.reachedBy));
      const known = !foreign && target.state !== "unknowable";
      return { seq, key: target.key, known, repeated: appended === undefined };
    },
  };
}

const isForeign = (command: RevokeCommand): boolean => "foreign" in command && command.foreign === true;

/** Looked up in the transaction that would end it, so that of two calls at once the second hears of the first. */
async function hasEnded(
  db: Kysely<Database>,
  { state, reachedBy, unknown }: FoundTarget,
  { log }: RevokerOptions,
): Promise<boolean> {
  if (state === "there" || state === "ended") return state === "ended";
  const isRecorded = (await findKill(db, log.keySpace, reachedBy.slice(0, 1))) !== undefined;
  if (!isRecorded && unknown !== undefined) throw unknown();
  return isRecorded;
}

async function end(
  transaction: WriteTransaction,
  { command, target }: { readonly command: RevokeCommand; readonly target: FoundTarget },
  { endBelow }: RevokerOptions,
): Promise<Appended> {
  const draft = draftOf(command, target.key);
  const { scope, key, mode, reason, actor } = draft;
  await endBelow(transaction, { scope, key, mode, reason, ...(actor === undefined ? {} : { actor }) });
  return transaction.append([draft]);
}

/**
 * After the write, when a record of the same group has its place too. Once it was pruned everything that it covered has
 * expired; then, and where a wider record did it that is not among these, the head's receipt covers it.
 */
async function seqOfEnding(reachedBy: readonly Reach[], { read, log }: RevokerOptions): Promise<number> {
  const head = await log.refresh();
  return (await findKill(read, log.keySpace, reachedBy)) ?? head;
}

/** The newest kill of the narrowest of these scopes that has one. */
export async function findKill(
  db: Kysely<Database>,
  keySpace: KeySpace,
  reaches: readonly Reach[],
): Promise<number | undefined> {
  for (const { scope, key } of reaches) {
    const row = await db
      .selectFrom("revocations")
      .select("seq")
      .where("key", "=", keySpace.keyOf(scope, key))
      .where("scope", "=", SCOPE_CODES[scope])
      .where("mode", "=", MODE_CODES.kill)
      .orderBy("seq", "desc")
      .limit(1)
      .executeTakeFirst();
    if (row !== undefined) return row.seq;
  }
  return undefined;
}

const DEFAULT_REASONS = { kill: "revoked", stale: "claims_changed" } as const;

export const reasonOf = ({ reason, mode }: RevokeCommand): Reason => reason ?? DEFAULT_REASONS[mode];

export const keyOf = (command: RevokeCommand): RevocationKey => ("key" in command ? command.key : undefined);

function draftOf(command: RevokeCommand, key: RevocationKey): RevocationDraft {
  const { scope, mode, actor, note, tokenExpiresAt } = command;
  return {
    scope,
    mode,
    reason: reasonOf(command),
    key,
    ...(scope === "token" && tokenExpiresAt !== undefined ? { tokenExpiresAt } : {}),
    ...(actor === undefined ? {} : { actor }),
    ...(note === undefined ? {} : { note }),
  };
}
