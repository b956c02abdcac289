/**
 * Acts on tokens for scripts. Whoever would own one is locked first, and the API after that: what is taken from either meanwhile is taken
 * before, and counts, or afterwards, and ends the token.
 */
import { ProblemsError } from "@portcullis/http-api";
import type { Clock, NewScriptToken } from "@portcullis/protocol";
import { type Api, type Apis, throwUnknown } from "../../apis/apis.ts";
import { apisError } from "../../apis/errors.ts";
import type { App } from "../../apps/clients.ts";
import type { Bans } from "../../bans/bans.ts";
import type { User } from "../../people/users.ts";
import type { Revoker } from "../../revocations/index.ts";
import type { Policies } from "../../sessions/policies.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { Appended, WriteTransaction } from "../../storage/write-transaction.ts";
import { tokensError } from "../../tokens/errors.ts";
import { editionOf, type Permitted, permittedToApp, permittedToUser } from "../../tokens/rights.ts";
import type { Made, ScriptTokens, StoredToken, TokenOwner } from "../../tokens/script-tokens.ts";
import { endOf, USUAL_POLICY } from "../../tokens/token-lifetime.ts";

export interface TokenActs {
  readonly scriptTokens: ScriptTokens;
  readonly apis: Pick<Apis, "namedIn">;
  readonly bans: Pick<Bans, "standing">;
  readonly policies: Pick<Policies, "read">;
  readonly storage: Storage;
  readonly clock: Clock;
}

/** Locked until the end of the transaction. */
export interface LockedOwner extends TokenOwner {
  readonly permitted: (api: Api) => Permitted;
}

export type LockOwner = (transaction: WriteTransaction) => Promise<LockedOwner>;

/** `user` was locked in this transaction. */
export async function userAsOwner(
  { db }: WriteTransaction,
  { bans }: Pick<TokenActs, "bans">,
  user: User,
): Promise<LockedOwner> {
  const standing = await bans.standing(user.id, db);
  const permitted = (api: Api): Permitted =>
    user.disabled_at === null ? permittedToUser(api, standing) : { reason: "user_disabled" };
  return { kind: "personal", ownerId: user.id, permitted };
}

/** `app` was locked in this transaction. */
export function appAsOwner(app: App): LockedOwner {
  const permitted = (api: Api): Permitted =>
    app.enabled ? permittedToApp(api, app.apis[api.identifier]) : { reason: "client_disabled" };
  return { kind: "key", ownerId: app.clientId, permitted };
}

export interface Making {
  readonly lockOwner: LockOwner;
  readonly wanted: NewScriptToken;
  readonly actor: string;
}

/** Throws `unknown_api`, `built_in_api`, `owner_kept_out`, `too_many_tokens`, and `ProblemsError`. */
export function makeToken(acts: TokenActs, { lockOwner, wanted, actor }: Making): Promise<Made> {
  const { storage, scriptTokens, policies, clock } = acts;
  return storage.write(
    async (transaction) => {
      const owner = await lockOwner(transaction);
      const api = await apiIn(transaction, acts, wanted.api);
      const { kind, ownerId } = owner;
      const permissions = askedOf(api, allowedOf(owner, api), wanted.permissions);
      const { tokens: policy } = await policies.read(transaction.db);
      const { name, expiresAt, allowedAddresses } = wanted;
      return scriptTokens.add(transaction, {
        kind,
        ownerId,
        name,
        api: api.identifier,
        apiEdition: api.edition,
        permissions,
        allowedAddresses,
        expiresAt: endOf({ expiresAt, policy, now: wholeSeconds(clock) }),
        actor,
      });
    },
    { onBehalfOf: "client" },
  );
}

/** One that is disabled is as good as none, and the server's own take no such tokens. */
async function apiIn(
  transaction: WriteTransaction,
  { apis }: Pick<TokenActs, "apis">,
  identifier: string,
): Promise<Api> {
  const [api] = await apis.namedIn(transaction, [identifier]);
  if (api === undefined || !api.enabled) return throwUnknown(identifier);
  if (api.origin !== "built-in") return api;
  throw apisError("built_in_api", {
    text: `api: found ${JSON.stringify(identifier)}, which is an API of this server itself: it takes no tokens of this kind. Nothing was changed.`,
  });
}

/** Throws `owner_kept_out`. */
function allowedOf(owner: LockedOwner, api: Api): readonly string[] {
  const permitted = owner.permitted(api);
  if ("permissions" in permitted) return permitted.permissions;
  throw tokensError("owner_kept_out", {
    text: `${owner.kind === "key" ? "The app" : "The user"} may have no token for ${api.identifier}: ${whyNot(owner.kind, permitted.reason)}. Nothing was changed.`,
  });
}

const WHY_NOT: Readonly<Record<string, string>> = {
  banned: "the user is banned there",
  user_disabled: "the user is disabled",
  client_disabled: "the app is disabled",
};

/** Of an owner that nobody has ended there. */
const NOT_ALLOWED: Readonly<Record<LockedOwner["kind"], string>> = {
  personal: "its personalTokenPermissions are empty. Name there what users may have in a token",
  key: "the app is not configured for it. Add it to the apis of the app",
};

const whyNot = (kind: LockedOwner["kind"], reason: string): string =>
  reason === "revoked" ? NOT_ALLOWED[kind] : (WHY_NOT[reason] ?? reason);

/** With the edition of each, of those that the owner may have. */
function askedOf(api: Api, allowed: readonly string[], asked: readonly string[]): Record<string, number> {
  const problems = asked.flatMap((word, at) => {
    if (allowed.includes(word)) return [];
    const message = `Found ${JSON.stringify(word)}, which the owner may not have in a token. There may be: ${allowed.join(", ") || "none"}.`;
    return [{ field: `permissions.${at}`, message }];
  });
  if (problems.length > 0) throw new ProblemsError(problems);
  return Object.fromEntries(asked.map((word) => [word, editionOf(api, word)]));
}

/** Ends it, in a transaction of its own. Throws `unknown_token`. Gives its name, and the place of the record in the log. */
export async function endToken(
  { scriptTokens, storage }: Pick<TokenActs, "scriptTokens" | "storage">,
  revoker: Pick<Revoker, "revoke">,
  { owner, id, actor }: { readonly owner: TokenOwner; readonly id: string; readonly actor: string },
) {
  // Whose a token is never changes: it may be asked before.
  const { name } = await scriptTokens.find(storage.read, { ...owner, id });
  const { seq, repeated } = await revoker.revoke({ ...endingOf(id), actor });
  return { name, seq, repeated };
}

export const endingOf = (id: string) =>
  ({ scope: "token", key: id, mode: "kill", reason: "revoked" }) as const;

export interface Rotation {
  readonly lockOwner: LockOwner;
  readonly id: string;
  readonly overlapSeconds: number;
  readonly expiresAt: string | undefined;
  readonly actor: string;
}

export interface Rotated extends Made {
  readonly before: StoredToken;
  /** Seconds. */
  readonly worksUntil: number;
  readonly appended: Appended;
}

/** Throws `unknown_token`, `token_over`, and what `makeToken` does. */
export function rotateToken(acts: TokenActs, rotation: Rotation): Promise<Rotated> {
  const { storage, scriptTokens, clock } = acts;
  const { id, overlapSeconds, actor } = rotation;
  return storage.write(
    async (transaction) => {
      const owner = await rotation.lockOwner(transaction);
      const before = await scriptTokens.find(transaction.db, { ...owner, id });
      if (!scriptTokens.isLive(before)) throw tokensError("token_over");
      const now = wholeSeconds(clock);
      const wanted = await successorOf(transaction, acts, { owner, before, rotation, now });
      const latest = now + overlapSeconds;
      const worksUntil = Math.min(latest, before.expiresAt ?? latest);
      const isAtOnce = overlapSeconds === 0;
      const made = await scriptTokens.replace(transaction, before, {
        wanted,
        worksUntil: isAtOnce ? undefined : latest,
      });
      const ending = isAtOnce ? ENDED_BY_ROTATION : ENDS_EARLIER;
      const appended = transaction.append([{ scope: "token", key: before.id, ...ending, actor }]);
      return { ...made, before, worksUntil, appended };
    },
    { onBehalfOf: "client" },
  );
}

const ENDED_BY_ROTATION = { mode: "kill", reason: "replaced" } as const;
/** Verifiers ask anew, and hear of its new end. */
const ENDS_EARLIER = { mode: "stale", reason: "claims_changed" } as const;

/** What the one of before has, as far as its owner may still have it. */
async function successorOf(
  transaction: WriteTransaction,
  acts: TokenActs,
  {
    owner,
    before,
    rotation,
    now,
  }: {
    readonly owner: LockedOwner;
    readonly before: StoredToken;
    readonly rotation: Rotation;
    readonly now: number;
  },
) {
  const api = await apiIn(transaction, acts, before.api);
  const allowed = allowedOf(owner, api);
  if (api.edition !== before.apiEdition) throw tokensError("token_over");
  const kept = Object.entries(before.permissions).filter(
    ([word, edition]) => allowed.includes(word) && editionOf(api, word) === edition,
  );
  const { tokens: policy = USUAL_POLICY } = await acts.policies.read(transaction.db);
  const end =
    rotation.expiresAt === undefined
      ? sameLife(before, { policy, now })
      : endOf({ expiresAt: rotation.expiresAt, policy, now });
  const { kind, ownerId, name, allowedAddresses } = before;
  const same = { kind, ownerId, name, allowedAddresses, api: api.identifier, apiEdition: api.edition };
  return { ...same, permissions: Object.fromEntries(kept), expiresAt: end, actor: rotation.actor };
}

/** As long as the one of before was made for, if the policy of today lets it be. */
function sameLife(
  { createdAt, expiresAt }: StoredToken,
  { policy, now }: { readonly policy: typeof USUAL_POLICY; readonly now: number },
): number | null {
  if (expiresAt === null && policy.mayLackExpiry) return null;
  const life = expiresAt === null ? policy.maxLifetimeSeconds : expiresAt - createdAt;
  return now + Math.min(life, policy.maxLifetimeSeconds);
}
