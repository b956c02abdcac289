import type { WriteTransaction } from "../storage/write-transaction.ts";

export interface NamedSession {
  readonly sid: string;
  /** Only if it is this user's. Default: anybody's. */
  readonly accountId?: string | undefined;
}

/** Says what the device of a session is called; `null` takes that away. Gives whether there is such a session. */
export async function nameDevice(
  { db }: WriteTransaction,
  { sid, accountId }: NamedSession,
  name: string | null,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable("oidc_sessions")
    .set({ device_name: name })
    .where("uid", "=", sid)
    .where("account_id", "is not", null)
    .$if(accountId !== undefined, (query) => query.where("account_id", "=", accountId!))
    .executeTakeFirstOrThrow();
  return numUpdatedRows > 0n;
}
