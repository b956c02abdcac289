import type { Mode, Reason, RevocationRequest, Scope } from "@portcullis/protocol";
import type { RevocationKey } from "@portcullis/revocation";
import type { RevocationDraft, WriteTransaction } from "../storage/write-transaction.ts";

/**
 * A request to revoke, and by whom. `tokenExpiresAt` only from the verified claims of the token itself: what a
 * request says (`exp`) is not proof enough to file the record under it.
 */
export type RevokeCommand = RevocationRequest & {
  readonly actor?: string;
  readonly tokenExpiresAt?: number;
};

export interface Revoker {
  /** Resolves once the revocation is on disk, in the log and in the verdict of this server. */
  revoke(command: RevokeCommand): Promise<{ readonly seq: number }>;
}

export interface RevocationTarget {
  readonly scope: Scope;
  readonly key: RevocationKey;
  readonly mode: Mode;
  readonly reason: Reason;
}

/** Ends what hangs below the target (sessions, grants, refresh tokens, codes), in the same transaction. */
export type EndBelow = (transaction: WriteTransaction, target: RevocationTarget) => Promise<void>;

type Write = <T>(work: (transaction: WriteTransaction) => Promise<T>) => Promise<T>;

export function createRevoker(options: { readonly write: Write; readonly endBelow: EndBelow }): Revoker {
  return {
    async revoke(command) {
      const draft = draftOf(command);
      const { seq } = await options.write(async (transaction) => {
        await options.endBelow(transaction, {
          scope: draft.scope,
          key: draft.key,
          mode: draft.mode,
          reason: draft.reason,
        });
        return transaction.append([draft]);
      });
      return { seq };
    },
  };
}

const DEFAULT_REASONS = { kill: "revoked", stale: "claims_changed" } as const;

function draftOf(command: RevokeCommand): RevocationDraft {
  const { scope, mode, actor, note, tokenExpiresAt } = command;
  return {
    scope,
    mode,
    reason: command.reason ?? DEFAULT_REASONS[mode],
    key: "key" in command ? command.key : undefined,
    ...(scope === "token" && tokenExpiresAt !== undefined ? { tokenExpiresAt } : {}),
    ...(actor === undefined ? {} : { actor }),
    ...(note === undefined ? {} : { note }),
  };
}
