/** A ban and what it ends at once, in one transaction: no token of before outlives it, and none can follow. */
import type { Ban, NewBan } from "@portcullis/protocol";
import { type Apis, throwUnknown } from "../../apis/apis.ts";
import { apisError } from "../../apis/errors.ts";
import { rememberTokens } from "../../bans/banned-tokens.ts";
import type { BanRequest, Bans } from "../../bans/bans.ts";
import { bansError } from "../../bans/errors.ts";
import type { Users } from "../../people/users.ts";
import type { EndBelow, RevocationTarget } from "../../revocations/index.ts";
import { keepAnAdministrator } from "../../roles/keep-an-administrator.ts";
import type { Storage } from "../../storage/storage.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import type { Change } from "../answer-change.ts";
import type { RequireOver } from "../check-authority.ts";

export interface BanUserOptions {
  readonly bans: Bans;
  readonly users: Pick<Users, "findRow">;
  readonly apis: Pick<Apis, "namedIn" | "own">;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
}

export interface Banning extends Omit<BanRequest, "userId"> {
  /** A `sub`, a username or an e-mail address. */
  readonly user: string;
  readonly requireOver: RequireOver;
}

export async function banUser(
  { bans, users, apis, storage, endBelow }: BanUserOptions,
  { user, scope, reason, message, until, actor, requireOver }: Banning,
): Promise<Change<NewBan>> {
  const { id, appended } = await storage.write(async (transaction) => {
    // Locked, so that a sign-in that is under way comes first, and ends with the others, or comes later, and is refused.
    const { id: userId } = await users.findRow(transaction, user);
    await requireOver(transaction, userId);
    if (scope === "all") await keepAnAdministrator(transaction, userId);
    if (scope !== "all") await assertThere(transaction, apis, scope);
    if (scope === "all") await rememberTokens(transaction, userId);
    const request = { userId, scope, reason, message, until, actor };
    const target = targetOf(request);
    await endBelow(transaction, target);
    return {
      id: await bans.add(transaction, request),
      appended: transaction.append([{ ...target, actor, note: reason }]),
    };
  });
  return { state: await bans.find(id), seq: appended.seq };
}

/** One permission leaves the rest of the API: tokens that have it are stale, and issuing withholds it from the next. */
function targetOf({ userId, scope }: Pick<BanRequest, "userId" | "scope">): RevocationTarget {
  if (scope === "all") return { scope: "subject", key: userId, mode: "kill", reason: "banned" };
  const target = { scope: "subject-audience", key: { subject: userId, audience: scope.api } } as const;
  return scope.permission === undefined
    ? { ...target, mode: "kill", reason: "banned" }
    : { ...target, mode: "stale", reason: "claims_changed" };
}

/** A ban from what is not there would be believed, and keep nobody out. */
async function assertThere(
  transaction: WriteTransaction,
  apis: Pick<Apis, "namedIn" | "own">,
  { api: identifier, permission }: Exclude<Ban["scope"], "all">,
): Promise<void> {
  const [api] = await apis.namedIn(transaction, [identifier]);
  if (api === undefined) return throwUnknown(identifier);
  if (identifier === apis.own.identifier) throw apisError("built_in_api", { text: ROLE_INSTEAD });
  if (permission === undefined || Object.hasOwn(api.permissions, permission)) return;
  throw bansError("unknown_permission", {
    text: `scope.permission: found ${JSON.stringify(permission)}, and ${identifier} has ${Object.keys(api.permissions).join(", ")}. Nothing was changed.`,
  });
}

const ROLE_INSTEAD =
  "scope.api: found the administrators' API, which is open to administrators alone. Take the role from the user instead: DELETE /users/{user}/roles/administrator. Nothing was changed.";
