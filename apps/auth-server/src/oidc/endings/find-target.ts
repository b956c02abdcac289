/**
 * What a revocation names, looked up where it ends: users, sessions, grants, clients, keys and APIs of ours. Rows are
 * locked as `lock-parents.ts` says, so that nothing else ends what was found to be there.
 *
 * Fails closed towards the caller: what is not here is an error and never a success, since a token may live under the
 * name that was meant.
 */

import {
  type ErrorDefinition,
  isPairScope,
  otherHalfOf,
  PAIR_SCOPES,
  type PairKey,
  type PairScope,
  pairKeyOf,
  type Scope,
} from "@portcullis/protocol";
import type { Apis } from "../../apis/apis.ts";
import { appsError } from "../../apps/errors.ts";
import type { Bans } from "../../bans/bans.ts";
import { ROTATED } from "../../keys/key-rows.ts";
import { peopleError } from "../../people/errors.ts";
import { ambiguousUser, namedWithSub, type Users, unknownUser } from "../../people/users.ts";
import { type FindTarget, type FoundTarget, keyOf, type RevokeCommand } from "../../revocations/index.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { oidcError } from "../errors.ts";
import { lockSessionOf } from "../state/lock-parents.ts";
import { assertReason } from "./assert-reason.ts";

export interface FindTargetOptions {
  readonly users: Pick<Users, "search">;
  readonly apis: Pick<Apis, "exists">;
  readonly bans: Pick<Bans, "standing">;
}

type Find = (looking: Looking, key: string) => Promise<FoundTarget>;
interface Looking extends FindTargetOptions {
  readonly transaction: WriteTransaction;
}

/** One line a scope: a scope that is added later and not named here does not compile. */
const FINDERS: Readonly<Record<Exclude<Scope, PairScope | "issuer">, Find>> = {
  session: findSession,
  grant: findGrant,
  subject: findSubject,
  client: findClient,
  key: findKey,
  audience: findAudience,
  organization: async (_looking, key) => notThere("organization", key),
  token: findToken,
  "dpop-key": async (_looking, key) => unknowable("dpop-key", key),
};

/** What is thrown of a target that is not there, or of a request that cannot be true. */
export const TARGET_ERRORS: readonly ErrorDefinition[] = [
  ...peopleError.definitions("unknown_subject", "ambiguous_user"),
  ...appsError.definitions("unknown_client"),
  ...oidcError.definitions(
    "unknown_session",
    "unknown_grant",
    "unknown_key",
    "unknown_audience",
    "unknown_organization",
    "reason_not_true",
  ),
];

export function createFindTarget(options: FindTargetOptions): FindTarget {
  const { users, apis, bans } = options;
  return async (transaction, command) => {
    const target = await find({ users, apis, bans, transaction }, command);
    await assertReason({ transaction, bans }, command, target.key);
    return target;
  };
}

async function find(looking: Looking, command: RevokeCommand): Promise<FoundTarget> {
  const key = keyOf(command);
  // Out of a token that was verified: it is there.
  if (command.scope === "issuer" || command.tokenExpiresAt !== undefined) return there(key);
  if (isPairScope(command.scope)) return findPair(looking, command.scope, key as PairKey);
  return FINDERS[command.scope](looking, key as string);
}

const there = (key: FoundTarget["key"]): FoundTarget => ({ key, state: "there", reachedBy: [] });

const unknowable = (scope: Scope, key: string): FoundTarget => ({
  key,
  state: "unknowable",
  reachedBy: [{ scope, key }],
});

/** For who revokes: no other call takes it. `portcullis revoke` puts the name of its option in the place of the field's. */
const FOREIGN_REMEDY = 'If it is of another issuer, add "foreign": true.';

const NAMES = {
  session: "session",
  grant: "grant",
  client: "client",
  key: "signing key",
  audience: "API",
  organization: "organization",
} as const;

function notThere(scope: keyof typeof NAMES, key: string): FoundTarget {
  const text = `Found ${JSON.stringify(key)}, and there is no such ${NAMES[scope]} here. Nothing was changed. ${FOREIGN_REMEDY}`;
  const unknown = () =>
    scope === "client" ? appsError("unknown_client", { text }) : oidcError(`unknown_${scope}`, { text });
  return { key, state: "absent", reachedBy: [{ scope, key }], unknown };
}

async function findSession({ transaction }: Looking, key: string): Promise<FoundTarget> {
  const { db, lockRows } = transaction;
  const query = db.selectFrom("oidc_sessions").select(["account_id", "ended_at"]).where("uid", "=", key);
  const session = await lockRows(query).executeTakeFirst();
  if (session === undefined) return notThere("session", key);
  if (session.ended_at === null) return there(key);
  const reachedBy = [{ scope: "session", key } as const, ...subjectAndAll(session.account_id)];
  return { key, state: "ended", reachedBy };
}

async function findGrant({ transaction }: Looking, key: string): Promise<FoundTarget> {
  const { db, lockRows } = transaction;
  await lockSessionOf(transaction, key);
  const live = await lockRows(
    db.selectFrom("oidc_grants").select("id").where("id", "=", key),
  ).executeTakeFirst();
  if (live !== undefined) return there(key);
  const ended = await db.selectFrom("oidc_ended_grants").selectAll().where("id", "=", key).executeTakeFirst();
  if (ended === undefined) return notThere("grant", key);
  const { session_uid, account_id: subject, client_id: client } = ended;
  const reachedBy = [
    { scope: "grant", key } as const,
    { scope: "session", key: session_uid } as const,
    { scope: "subject-client", key: { subject, client } } as const,
    { scope: "client", key: client } as const,
    ...subjectAndAll(subject),
  ];
  return { key, state: "ended", reachedBy };
}

function subjectAndAll(accountId: string | null) {
  const subject = accountId === null ? [] : [{ scope: "subject", key: accountId } as const];
  return [...subject, { scope: "issuer", key: undefined } as const];
}

/** A client that acts for itself is the `sub` of its tokens (RFC 9068, section 2.2). */
async function findSubject({ transaction, users }: Looking, key: string): Promise<FoundTarget> {
  const user = await users.search(transaction, key);
  const isAlsoClient = user?.id !== key && (await isClient(transaction, key));
  if (user === undefined && !isAlsoClient) throw unknownUser(key, FOREIGN_REMEDY);
  if (user === undefined) return there(key);
  if (!isAlsoClient) return there(user.id);
  throw ambiguousUser(key, [namedWithSub(user), `the client ${key} itself (scope client)`]);
}

async function findClient({ transaction }: Looking, key: string): Promise<FoundTarget> {
  return (await isClient(transaction, key)) ? there(key) : notThere("client", key);
}

async function isClient({ db }: WriteTransaction, clientId: string): Promise<boolean> {
  const query = db.selectFrom("oidc_clients").select("client_id").where("client_id", "=", clientId);
  return (await query.executeTakeFirst()) !== undefined;
}

/** Both halves must be there: either one that is not would leave what was meant alive. */
async function findPair(looking: Looking, scope: PairScope, key: PairKey): Promise<FoundTarget> {
  const user = await findSubject(looking, key.subject);
  const other = await FINDERS[PAIR_SCOPES[scope]](looking, otherHalfOf(scope, key)!);
  return other.unknown === undefined
    ? there(pairKeyOf(scope, user.key as string, other.key as string))
    : other;
}

/** Of access tokens no row is kept, and nobody knows which there are; of tokens for scripts each has its row. */
async function findToken({ transaction }: Looking, key: string): Promise<FoundTarget> {
  const { db, lockRows } = transaction;
  const query = db.selectFrom("script_tokens").selectAll().where("id", "=", key);
  const row = await lockRows(query).executeTakeFirst();
  if (row === undefined) return unknowable("token", key);
  if (row.ended_at === null) return there(key);
  const { owner_id: owner, api: audience } = row;
  const ofOwner = { scope: row.kind === "key" ? "client" : "subject", key: owner } as const;
  const reachedBy = [
    { scope: "token", key } as const,
    { scope: "subject-audience", key: { subject: owner, audience } } as const,
    ofOwner,
    { scope: "issuer", key: undefined } as const,
  ];
  return { key, state: "ended", reachedBy };
}

async function findKey({ transaction }: Looking, key: string): Promise<FoundTarget> {
  const query = transaction.db
    .selectFrom("oidc_signing_keys")
    .select("retired_reason")
    .where("kid", "=", key);
  const found = await query.executeTakeFirst();
  if (found === undefined) return notThere("key", key);
  // One that was rotated out is not refused by any record: it can still be.
  const isRefused = found.retired_reason !== null && found.retired_reason !== ROTATED;
  return isRefused ? { key, state: "ended", reachedBy: [{ scope: "key", key }] } : there(key);
}

async function findAudience({ transaction, apis }: Looking, key: string): Promise<FoundTarget> {
  return (await apis.exists(transaction, key)) ? there(key) : notThere("audience", key);
}
