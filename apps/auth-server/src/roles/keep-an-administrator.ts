/**
 * The rule that nobody can lock everybody out: there is always an administrator who can sign in. Whatever takes one away
 * (the role, disabling, a ban, deletion, a change that leaves no name to sign in with) asks here first, in the transaction in
 * which it does it.
 */
import type { WriteTransaction } from "../storage/write-transaction.ts";
import { rolesError } from "./errors.ts";
import { ADMINISTRATOR, activeAdministrators } from "./roles.ts";

/**
 * Throws `last_administrator` if no other administrator could sign in without this user. The rows of all administrators are locked
 * first: of two transactions that take one away, at whatever servers, the second waits here, and counts when the first has
 * committed. Counting in the query that locks would count what was there before it waited. Users are locked before roles.
 */
export async function keepAnAdministrator(transaction: WriteTransaction, userId: string): Promise<void> {
  const { db, lockRows } = transaction;
  const all = db.selectFrom("user_roles").select("user_id").where("role", "=", ADMINISTRATOR);
  const locked = await lockRows(all.orderBy("user_id")).execute();
  if (!locked.some(({ user_id }) => user_id === userId)) return;
  const others = await activeAdministrators(db).where("users.id", "!=", userId).limit(1).execute();
  if (others.length > 0) return;
  throw rolesError("last_administrator", {
    text: `user: found ${userId}, the last administrator who can sign in. Make another one first. Nothing was changed.`,
  });
}
