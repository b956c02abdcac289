/**
 * What a change of a user makes untrue: tokens of APIs that have claims about the user. Each such API's tokens of this user become
 * stale, in the transaction of the change, and the next refresh brings the truth.
 *
 * Issuing reads claims without a lock. What it has read before the commit is in a token whose horizon is before the record. For that
 * there must be a record. So whatever says that none is needed stays as it is until the commit: what APIs have as claims, which apps
 * may use them (giving an API to an app locks the API), and the grants of the user (making one locks its session).
 */
import { isDeepStrictEqual } from "node:util";
import type { Apis } from "../../apis/apis.ts";
import { userClaims } from "../../apis/user-claims.ts";
import type { Clients } from "../../apps/clients.ts";
import type { EndUntrue, User } from "../../people/users.ts";
import type { RevocationDraft, WriteTransaction } from "../../storage/write-transaction.ts";
import { lockAll } from "../state/lock-parents.ts";

export interface StaleClaimsOptions {
  readonly apis: Pick<Apis, "shareEnabled">;
  readonly clients: Pick<Clients, "thoseOfApi">;
}

export const createEndUntrueClaims =
  ({ apis, clients }: StaleClaimsOptions): EndUntrue =>
  async (transaction, { before, after, actor }) => {
    if (SOURCES.every((source) => before[source] === after[source])) return undefined;
    const untrue = (await apis.shareEnabled(transaction)).filter((api) =>
      takesAway(userClaims(api, before).claims, userClaims(api, after).claims),
    );
    if (untrue.length === 0) return undefined;
    const holders = await appsWithGrants(transaction, after.id);
    const stale: string[] = [];
    for (const { identifier } of untrue) {
      const apps = await clients.thoseOfApi(transaction, identifier);
      if (apps.some((clientId) => holders.has(clientId))) stale.push(identifier);
    }
    if (stale.length === 0) return undefined;
    return transaction.append(stale.map((audience) => draftOf(after.id, audience, actor)));
  };

const SOURCES = ["username", "name", "email", "attributes"] as const satisfies readonly (keyof User)[];

/** What is only added makes no token untrue: it comes with the next refresh. */
const takesAway = (
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): boolean => Object.keys(before).some((claim) => !isDeepStrictEqual(before[claim], after[claim]));

/**
 * Apps that may hold tokens of the user: a grant stays for as long as a token of it may live, whatever becomes of its session
 * (state/prune.ts). It need not name the API: a token without any permission there has its claims all the same.
 */
async function appsWithGrants(transaction: WriteTransaction, userId: string): Promise<Set<string>> {
  const { db } = transaction;
  const sessions = db.selectFrom("oidc_sessions").select("uid").where("account_id", "=", userId);
  await lockAll(transaction, sessions.orderBy("uid"));
  const grants = db.selectFrom("oidc_grants").select("client_id").distinct().where("account_id", "=", userId);
  return new Set((await grants.execute()).map(({ client_id }) => client_id));
}

const draftOf = (subject: string, audience: string, actor: string): RevocationDraft => ({
  scope: "subject-audience",
  key: { subject, audience },
  mode: "stale",
  reason: "claims_changed",
  actor,
  note: "claims about the user",
});
