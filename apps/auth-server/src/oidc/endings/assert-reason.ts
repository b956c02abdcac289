/** Reasons that tell of a lasting state are told while it lasts, and by what makes it so. */

import type { Reason } from "@portcullis/protocol";
import type { Bans } from "../../bans/bans.ts";
import { isWhole } from "../../bans/standing-bans.ts";
import { type RevokeCommand, reasonOf, STATE_REASONS } from "../../revocations/index.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";

interface Asking {
  readonly transaction: WriteTransaction;
  readonly bans: Pick<Bans, "standing">;
}

/**
 * Throws `reason_not_true`: an app would tell its users that they cannot come back, and they could at once. In the
 * transaction that appends the record, so that the state is that of the record.
 */
export async function assertReason(asking: Asking, command: RevokeCommand, key: unknown): Promise<void> {
  const reason = reasonOf(command);
  const holder = STATE_REASONS[reason];
  if (holder === undefined || command.scope !== holder) return;
  const { isSo, words, remedy } = STATES[reason] ?? STATES[DISABLED[holder]]!;
  if (await isSo(asking, key as string)) return;
  throw oidcError("reason_not_true", {
    text: `Found reason ${reason}, and ${key} is not ${words}: new tokens would follow at once. ${remedy(key as string)} Or give another reason.`,
  });
}

interface State {
  readonly isSo: (asking: Asking, id: string) => Promise<boolean>;
  readonly words: string;
  readonly remedy: (id: string) => string;
}

const DISABLED = { client: "client_disabled", subject: "user_disabled" } as const;

const STATES: Partial<Readonly<Record<Reason, State>>> = {
  client_disabled: {
    async isSo({ transaction: { db } }, id) {
      const query = db.selectFrom("oidc_clients").select("disabled_at");
      const client = await query.where("client_id", "=", id).executeTakeFirst();
      return client !== undefined && client.disabled_at !== null;
    },
    words: "disabled",
    remedy: (id) => `Disable it, which ends everything too: portcullis apps disable ${id}.`,
  },
  user_disabled: {
    async isSo({ transaction: { db } }, id) {
      const user = await db.selectFrom("users").select("disabled_at").where("id", "=", id).executeTakeFirst();
      return user !== undefined && user.disabled_at !== null;
    },
    words: "disabled",
    remedy: (id) => `Disable it, which ends everything too: portcullis users disable ${id}.`,
  },
  banned: {
    isSo: async ({ transaction, bans }, id) => (await bans.standing(id, transaction.db)).some(isWhole),
    words: "banned",
    remedy: (id) => `Ban the user, which ends everything too: portcullis bans add ${id} --reason ...`,
  },
};
