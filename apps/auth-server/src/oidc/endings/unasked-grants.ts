/**
 * Ends what a client was given without asking, once it is not the operator's own any more: as if the users had withdrawn a consent
 * that they never gave. What they did allow lives on.
 */
import type { Clock } from "@portcullis/protocol";
import type { EndBelow } from "../../revocations/index.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { Appended, RevocationDraft, WriteTransaction } from "../../storage/write-transaction.ts";
import { type Allowed, allowedIn, isWithin } from "../state/allowed.ts";

/** Each takes a record of its own, and some statements. Beyond, one record ends all that the client has: users sign in to it again. */
const MAX_ENDED_APART = 200;

export interface UnaskedEnding {
  readonly clientId: string;
  readonly actor?: string | undefined;
}

/** Gives what was appended to the log, if there was something to end. */
export type EndUnasked = (
  transaction: WriteTransaction,
  ending: UnaskedEnding,
) => Promise<Appended | undefined>;

interface EndUnaskedOptions {
  readonly clock: Clock;
  readonly endBelow: EndBelow;
}

export function createEndUnasked({ clock, endBelow }: EndUnaskedOptions): EndUnasked {
  return async (transaction, { clientId, actor }) => {
    const granted = await grantsOf(transaction, { clientId, now: wholeSeconds(clock) });
    const unasked = granted.flatMap((grant) => endingOf(grant, clientId));
    const apart = [...new Map(unasked.map((target) => [JSON.stringify(target), target])).values()];
    const all = { ...ENDING, scope: "client", key: clientId } as const;
    const targets = apart.length > MAX_ENDED_APART ? [all] : apart;
    for (const target of targets) await endBelow(transaction, target);
    if (targets.length === 0) return undefined;
    const by = { note: NOTE, ...(actor === undefined ? {} : { actor }) };
    return transaction.append(targets.map((target) => ({ ...target, ...by })));
  };
}

const ENDING = { mode: "kill", reason: "consent_withdrawn" } as const;
const NOTE = "not first-party any more";

type Target = Omit<RevocationDraft, "tokenExpiresAt" | "actor" | "note">;

interface Granted {
  readonly id: string;
  readonly account_id: string;
  readonly payload: string;
  /** Null: there is no consent. */
  readonly allowed: string | null;
}

/** In one order at every server, as whoever ends many does. */
function grantsOf(
  { db }: WriteTransaction,
  { clientId, now }: { readonly clientId: string; readonly now: number },
): Promise<Granted[]> {
  return db
    .selectFrom("oidc_grants")
    .leftJoin("oidc_consents", (join) =>
      join
        .onRef("oidc_consents.account_id", "=", "oidc_grants.account_id")
        .onRef("oidc_consents.client_id", "=", "oidc_grants.client_id")
        .on((eb) =>
          eb.or([eb("oidc_consents.expires_at", "is", null), eb("oidc_consents.expires_at", ">", now)]),
        ),
    )
    .select(["oidc_grants.id", "oidc_grants.account_id", "oidc_grants.payload", "oidc_consents.allowed"])
    .where("oidc_grants.client_id", "=", clientId)
    .orderBy("oidc_grants.account_id")
    .orderBy("oidc_grants.id")
    .execute();
}

/** Without a consent, all that the user has with the client. With one, a grant that holds more than was allowed; the consent stays. */
function endingOf({ id, account_id, payload, allowed }: Granted, clientId: string): Target[] {
  if (allowed === null)
    return [{ ...ENDING, scope: "subject-client", key: { subject: account_id, client: clientId } }];
  const isAllowed = isWithin(allowedIn(JSON.parse(payload)), JSON.parse(allowed) as Allowed);
  return isAllowed ? [] : [{ ...ENDING, scope: "grant", key: id }];
}
