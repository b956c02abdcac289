/** Which apps have access to an account, and how it is taken from one: the same for its owner and for who administers. */
import type { Reason } from "@portcullis/protocol";
import type { Apis } from "../../apis/apis.ts";
import type { EndBelow } from "../../revocations/index.ts";
import type { Storage } from "../../storage/storage.ts";
import { joined, ofCurrentApis, without } from "../state/allowed.ts";
import type { AllowedClient, Consents } from "../state/consents.ts";
import type { GrantStore } from "../state/grant-store.ts";

export interface AppAccessOptions {
  readonly consents: Pick<Consents, "of">;
  readonly grants: Pick<GrantStore, "of">;
  readonly apis: Pick<Apis, "named">;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
}

export interface Withdrawal {
  readonly accountId: string;
  readonly clientId: string;
  readonly reason: Extract<Reason, "consent_withdrawn" | "logged_out">;
  readonly actor: string;
}

export interface AppAccess {
  /**
   * By client: what was allowed and is remembered, and what else has access at the moment. Whatever became of the app: nothing is
   * hidden from its owner.
   */
  of(accountId: string): Promise<AllowedClient[]>;
  /** Gives the place in the log. Whoever calls this has seen that there is something. `into`: where a dry run writes. */
  withdraw(withdrawal: Withdrawal, into?: Pick<Storage, "write">): Promise<number>;
}

export function createAppAccess(options: AppAccessOptions): AppAccess {
  const { consents, grants, apis, storage, endBelow } = options;
  return {
    async of(accountId) {
      const [allowed, granted] = await Promise.all([consents.of(accountId), grants.of(accountId)]);
      const found = new Map(allowed.map((access) => [access.clientId, access] as const));
      for (const access of granted) found.set(access.clientId, together(found.get(access.clientId), access));
      const current = await asToday(apis, [...found.values()]);
      return current.toSorted((one, other) => (one.clientId < other.clientId ? -1 : 1));
    },
    async withdraw({ accountId, clientId, reason, actor }, into = storage) {
      const key = { subject: accountId, client: clientId };
      const target = { scope: "subject-client", key, mode: "kill", reason } as const;
      const { seq } = await endingIn(into, endBelow, { ...target, actor });
      return seq;
    },
  };
}

/** Not by the revoker: it asks for the client, and one that was deleted is there no more. */
const endingIn = (storage: Pick<Storage, "write">, endBelow: EndBelow, target: Parameters<EndBelow>[1]) =>
  storage.write(async (transaction) => {
    await endBelow(transaction, target);
    return transaction.append([target]);
  });

function together(known: AllowedClient | undefined, granted: AllowedClient): AllowedClient {
  if (known === undefined) return granted;
  const allowed = joined(known.allowed, granted.allowed);
  // Of what one session was given for this time, another may have been refused: what somebody has is told first.
  return { ...known, allowed, declined: without(joined(known.declined, granted.declined), allowed) };
}

/** Of an API or a permission that was taken away and made again, what was allowed before gives nothing. */
async function asToday(apis: Pick<Apis, "named">, found: readonly AllowedClient[]): Promise<AllowedClient[]> {
  const names = found.flatMap(({ allowed, declined }) =>
    [allowed, declined].flatMap((one) => Object.keys(one.resources)),
  );
  const known = await apis.named([...new Set(names)]);
  return found.map((access) => ({
    ...access,
    allowed: ofCurrentApis(access.allowed, known),
    declined: ofCurrentApis(access.declined, known),
  }));
}
