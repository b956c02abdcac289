/** Acts that end all that a user has: what they need, and how they do it. */
import { actorOf, type Caller } from "@portcullis/http-api";
import type { Reason } from "@portcullis/protocol";
import type { Users } from "../../people/users.ts";
import type { EndBelow, Receipts, Revoker } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Appended, WriteTransaction } from "../../storage/write-transaction.ts";
import type { Authority } from "../check-authority.ts";

export interface EndingUsersOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly receipts: Receipts;
  readonly authority: Authority;
}

/** Who is meant, by whom it is done, and why in words. */
export interface Ending {
  readonly name: string;
  readonly caller: Pick<Caller, "subject" | "clientId">;
  readonly note: string | undefined;
}

interface EndingOfAll extends Pick<Ending, "caller" | "note"> {
  readonly sub: string;
  readonly reason: Reason;
}

/** Ends every session, grant and token of the user, in the transaction of what it is about. */
export async function endUser(
  transaction: WriteTransaction,
  endBelow: EndBelow,
  { sub, reason, caller, note }: EndingOfAll,
): Promise<Appended> {
  const target = { scope: "subject", key: sub, mode: "kill", reason } as const;
  await endBelow(transaction, target);
  return transaction.append([{ ...target, actor: actorOf(caller), ...(note === undefined ? {} : { note }) }]);
}
