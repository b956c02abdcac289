/** Disabling and enabling users: `POST /api/v1/users/{user}/disable` and `/enable`. */
import { callerOf, checkBody } from "@portcullis/feed-server";
import { API_SCOPES, type UserState } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { User, Users } from "../people/users.ts";
import type { EndBelow, Receipts, Revoker } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import type { ApiRoutes } from "./mount-api.ts";
import { type Change, changeSchema, sendChange } from "./send-change.ts";

export interface UsersRoutesOptions {
  readonly users: Users;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly receipts: Receipts;
}

export function usersRoutes(options: UsersRoutesOptions): (routes: ApiRoutes) => void {
  const answering =
    (change: (options: UsersRoutesOptions, request: FastifyRequest) => Promise<Change<UserState>>) =>
    async (request: FastifyRequest, reply: FastifyReply) =>
      sendChange({ request, reply }, await change(options, request), options.receipts);
  return ({ app, needs }) => {
    app.post("/users/:user/disable", needs(API_SCOPES.writeUsers), answering(disable));
    app.post("/users/:user/enable", needs(API_SCOPES.writeUsers), answering(enable));
  };
}

const nameOf = ({ params }: FastifyRequest): string => (params as { user: string }).user;

/** Row, sessions and record in one transaction: no token of before outlives it, and none can follow. */
async function disable(options: UsersRoutesOptions, request: FastifyRequest): Promise<Change<UserState>> {
  const { users, storage, endBelow, revoker } = options;
  const note = checkBody(changeSchema, request.body ?? {}).note;
  const { user, appended } = await storage.write(async (transaction) => {
    const user = await users.findRow(transaction, nameOf(request));
    if (user.disabled_at !== null) return { user };
    await users.disable(transaction, user.id);
    const target = { scope: "subject", key: user.id, mode: "kill", reason: "user_disabled" } as const;
    await endBelow(transaction, target);
    const by = { actor: callerOf(request).clientId, ...(note === undefined ? {} : { note }) };
    return { user, appended: transaction.append([{ ...target, ...by }]) };
  });
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "subject", key: user.id }]));
  return { state: stateOf(user, "disabled", appended !== undefined), seq };
}

/** Ends nothing, and brings nothing back: what ended stays ended, and the user signs in again. */
async function enable(options: UsersRoutesOptions, request: FastifyRequest): Promise<Change<UserState>> {
  const { users, storage } = options;
  checkBody(changeSchema, request.body ?? {});
  const user = await storage.write(async (transaction) => {
    const found = await users.findRow(transaction, nameOf(request));
    if (found.disabled_at !== null) await users.enable(transaction, found.id);
    return found;
  });
  return { state: stateOf(user, "active", user.disabled_at !== null), seq: undefined };
}

const stateOf = (user: User, status: UserState["status"], changed: boolean): UserState => ({
  sub: user.id,
  username: user.username,
  status,
  changed,
});
