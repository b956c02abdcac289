/** Deletes the account of the person who asks for it: as an administrator would, but for who it is. */
import type { UserState } from "@portcullis/protocol";
import { signInError } from "../../sign-in/errors.ts";
import type { StillHas } from "../../sign-in/own-password.ts";
import type { Storage } from "../../storage/storage.ts";
import { type RemovingUsersOptions, removeUser } from "../users/delete.ts";

export interface Deletion {
  readonly state: UserState;
  /** Of the record that ended everything. */
  readonly seq: number;
}

export interface DeletionOptions {
  /** Where a dry run writes. */
  readonly into?: Pick<Storage, "write">;
  /** What the person has proved before, and must still be so. */
  readonly stillHas?: StillHas;
}

/** Throws `unknown_subject`, `last_administrator`; `wrong_password` when what was proved is so no more. */
export type DeleteOwnAccount = (sub: string, options?: DeletionOptions) => Promise<Deletion>;

export const createDeleteOwnAccount =
  (parts: RemovingUsersOptions & { readonly storage: Storage }): DeleteOwnAccount =>
  async (sub, { into = parts.storage, stillHas } = {}) => {
    const { deleted, appended } = await into.write(async (transaction) => {
      const user = await parts.users.findRow(transaction, sub);
      if (stillHas !== undefined && !(await stillHas(transaction))) throw signInError("wrong_password");
      const caller = { subject: sub, clientId: sub };
      return removeUser(transaction, parts, { user, caller, note: undefined });
    });
    return { state: { ...deleted, status: "deleted", changed: true }, seq: appended.seq };
  };
