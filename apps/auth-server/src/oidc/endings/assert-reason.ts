/** Reasons that tell of a lasting state are told while it lasts, and by what makes it so. */
import { type RevokeCommand, reasonOf, STATE_REASONS } from "../../revocations/index.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";

/**
 * Throws `reason_not_true`: an app would tell its users that they cannot come back, and they could at once. In the
 * transaction that appends the record, so that the state is that of the record.
 */
export async function assertReason(
  transaction: WriteTransaction,
  command: RevokeCommand,
  key: unknown,
): Promise<void> {
  const holder = STATE_REASONS[reasonOf(command)];
  if (holder === undefined || command.scope !== holder) return;
  if (await IS_DISABLED[holder](transaction, key as string)) return;
  throw oidcError("reason_not_true", {
    text: `Found reason ${reasonOf(command)}, and ${key} is not disabled: new tokens would follow at once. Disable it, which ends everything too: ${REMEDIES[holder]} ${key}. Or give another reason.`,
  });
}

const REMEDIES = { client: "portcullis apps disable", subject: "portcullis users disable" } as const;

type IsDisabled = (transaction: WriteTransaction, id: string) => Promise<boolean>;

const IS_DISABLED: Readonly<Record<keyof typeof REMEDIES, IsDisabled>> = {
  async client({ db }, id) {
    const query = db.selectFrom("oidc_clients").select("disabled_at");
    const client = await query.where("client_id", "=", id).executeTakeFirst();
    return client !== undefined && client.disabled_at !== null;
  },
  async subject({ db }, id) {
    const query = db.selectFrom("users").select("disabled_at").where("id", "=", id);
    const user = await query.executeTakeFirst();
    return user !== undefined && user.disabled_at !== null;
  },
};
