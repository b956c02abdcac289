/**
 * Ends what a client was given without asking, once it is not the operator's own any more: as if the users had withdrawn a consent
 * that they never gave. What they did allow lives on.
 */
import type { Clock } from "@portcullis/protocol";
import { type RawBuilder, sql } from "kysely";
import type { EndBelow } from "../../revocations/index.ts";
import { IS_GRANT_OF_BULK_ENDING } from "../../sessions/bulk-endings.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { Appended, RevocationDraft, WriteTransaction } from "../../storage/write-transaction.ts";
import { type Allowed, allowedIn, isWithin } from "../state/allowed.ts";

/** Each takes a record of its own, and some statements. Beyond, one record ends all that the client has: users sign in to it again. */
const MAX_ENDED_APART = 200;
const GRANTS_PER_STEP = 1000;

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
    const targets = await targetsOf(transaction, { clientId, now: wholeSeconds(clock) });
    for (const target of targets) await endBelow(transaction, target);
    if (targets.length === 0) return undefined;
    const by = { note: NOTE, ...(actor === undefined ? {} : { actor }) };
    return transaction.append(targets.map((target) => ({ ...target, ...by })));
  };
}

/** Looked through some at a time, and no further than it takes to know that all end. In one order at every server. */
async function targetsOf(transaction: WriteTransaction, asked: Asked): Promise<readonly Target[]> {
  const apart = new Map<string, Target>();
  const place = placeIn(transaction);
  for (let after: Granted["place"] | undefined; ; ) {
    const granted = await grantsBehind(transaction, { ...asked, place, after });
    for (const target of granted.flatMap((grant) => endingOf(grant, asked.clientId)))
      apart.set(JSON.stringify(target), target);
    if (apart.size > MAX_ENDED_APART) return [{ ...ENDING, scope: "client", key: asked.clientId }];
    if (granted.length < GRANTS_PER_STEP)
      return [...apart].toSorted(([one], [other]) => (one < other ? -1 : 1)).map(([, target]) => target);
    after = granted.at(-1)!.place;
    await transaction.nextStep();
  }
}

interface Asked {
  readonly clientId: string;
  readonly now: number;
}

const ENDING = { mode: "kill", reason: "consent_withdrawn" } as const;
const NOTE = "not first-party any more";

type Target = Omit<RevocationDraft, "tokenExpiresAt" | "actor" | "note">;

interface Granted {
  readonly place: string | number;
  readonly id: string;
  readonly account_id: string;
  readonly payload: string;
  /** Null: there is no consent. */
  readonly allowed: string | null;
}

/** What orders the grants of a client: on SQLite as its index has them, or each step would sort them all. */
const placeIn = ({ holdsProcess }: WriteTransaction): RawBuilder<string | number> =>
  holdsProcess ? sql`oidc_grants.rowid` : sql.ref("oidc_grants.id");

interface Behind extends Asked {
  readonly place: ReturnType<typeof placeIn>;
  readonly after: Granted["place"] | undefined;
}

function grantsBehind({ db }: WriteTransaction, { clientId, now, place, after }: Behind): Promise<Granted[]> {
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
    .select(place.as("place"))
    .where("oidc_grants.client_id", "=", clientId)
    .where(sql<boolean>`not ${IS_GRANT_OF_BULK_ENDING}`)
    .$if(after !== undefined, (query) => query.where(place, ">", after!))
    .orderBy(place)
    .limit(GRANTS_PER_STEP)
    .execute();
}

/** Without a consent, all that the user has with the client. With one, a grant that holds more than was allowed; the consent stays. */
function endingOf({ id, account_id, payload, allowed }: Granted, clientId: string): Target[] {
  if (allowed === null)
    return [{ ...ENDING, scope: "subject-client", key: { subject: account_id, client: clientId } }];
  const isAllowed = isWithin(allowedIn(JSON.parse(payload)), JSON.parse(allowed) as Allowed);
  return isAllowed ? [] : [{ ...ENDING, scope: "grant", key: id }];
}
