/** Acts that end all that a user has: what they need, and how they do it. */
import { actorOf, type Caller, type IfMatch, requireMatch } from "@portcullis/http-api";
import type { BlastRadius, Reason } from "@portcullis/protocol";
import type { User, Users } from "../../people/users.ts";
import {
  type BlastRadiusOf,
  type EndBelow,
  NOTHING,
  type Receipts,
  type Revoker,
} from "../../revocations/index.ts";
import { keepAnAdministrator } from "../../roles/keep-an-administrator.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Appended, WriteTransaction } from "../../storage/write-transaction.ts";
import { type Authority, authorityOf } from "../check-authority.ts";

export interface EndingUsersOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly receipts: Receipts;
  readonly authority: Authority;
}

/** Who is meant, by whom it is done, and why in words. */
export interface Ending {
  readonly name: string;
  readonly caller: Pick<Caller, "subject" | "clientId">;
  readonly note: string | undefined;
  readonly ifMatch?: IfMatch | undefined;
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

interface TriedEnding extends Pick<Ending, "caller" | "ifMatch"> {
  /** The user that is meant, or undefined when the act was done before and nothing is left. Throws when there never was one. */
  readonly find: (transaction: WriteTransaction) => Promise<User | undefined>;
  /** Whether the user could not sign in afterwards. */
  readonly locksOut: boolean;
}

/** What the act would end. Refused with what the act itself is refused with. */
export async function wouldEndUser(
  { storage, blastRadiusOf, authority }: EndingUsersOptions,
  { caller, find, locksOut, ifMatch }: TriedEnding,
): Promise<BlastRadius> {
  const requireOver = await authorityOf(authority, caller);
  const user = await storage.write(async (transaction) => {
    const user = await find(transaction);
    if (user === undefined) return undefined;
    await requireOver(transaction, user.id);
    requireMatch(ifMatch, user.revision);
    if (locksOut) await keepAnAdministrator(transaction, user.id);
    return user;
  });
  return user === undefined ? NOTHING : blastRadiusOf({ scope: "subject", key: user.id, mode: "kill" });
}
