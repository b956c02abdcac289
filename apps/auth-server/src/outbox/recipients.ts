/** Lines of a receipt: who is told of what has a place in the log, and how far that is. */
import type { RecipientLine } from "@portcullis/protocol";
import { type Kysely, sql } from "kysely";
import type { Database } from "../storage/database.ts";
import type { OutboxTable } from "../storage/tables/outbox.ts";

export interface Recipients {
  /** By recipient: the worst of what it is to be told. */
  readonly lines: readonly RecipientLine[];
  /** Whether something has not been tried yet, or is being tried. What waits for another try is not. */
  readonly isBeingTried: boolean;
}

type Line = RecipientLine["outcome"];

const OUTCOMES: Readonly<Record<OutboxTable["state"], Line>> = {
  delivered: "delivered",
  unsupported: "unsupported",
  pending: "pending",
  dead: "unavailable",
  dropped: "unavailable",
};

/** The worst comes last. */
const FROM_BEST: readonly Line[] = ["delivered", "unsupported", "pending", "unavailable"];

export async function recipientsOf(db: Kysely<Database>, seq: number): Promise<Recipients> {
  const [noted, toBeNoted] = await Promise.all([statesOf(db, seq), recipientsOfMark(db, seq)]);
  const worst = new Map<string, Line>();
  const add = (recipient: string, outcome: Line) => {
    const known = worst.get(recipient) ?? "delivered";
    worst.set(recipient, FROM_BEST.indexOf(outcome) > FROM_BEST.indexOf(known) ? outcome : known);
  };
  for (const { recipient, state } of noted) add(recipient, OUTCOMES[state]);
  for (const recipient of toBeNoted) add(recipient, "pending");
  return {
    lines: [...worst]
      .map(([recipient, outcome]) => ({ recipient, outcome }))
      .toSorted((one, other) => (one.recipient < other.recipient ? -1 : 1)),
    isBeingTried: toBeNoted.length > 0 || noted.some(({ being_tried: number }) => Number(number) > 0),
  };
}

interface StateOf {
  readonly recipient: string;
  readonly state: OutboxTable["state"];
  readonly being_tried: number;
}

/**
 * Which states there are, recipient by recipient. It goes from one to the next by the index: a receipt that a hundred thousand are told
 * by is asked for each time that one of them was, and would hold the process of a server on SQLite.
 */
async function statesOf(db: Kysely<Database>, seq: number): Promise<readonly StateOf[]> {
  const { rows } = await sql<StateOf>`with recursive known (recipient) as (
      select min(recipient) from outbox where seq = ${seq}
      union all
      select (select min(outbox.recipient) from outbox
        where outbox.seq = ${seq} and outbox.recipient > known.recipient)
      from known where known.recipient is not null)
    select known.recipient, states.state, case when states.state = 'pending' and (
      exists (select 1 from outbox where outbox.seq = ${seq} and outbox.recipient = known.recipient
        and outbox.state = 'pending' and outbox.attempts = 0)
      or exists (select 1 from outbox where outbox.seq = ${seq} and outbox.recipient = known.recipient
        and outbox.claim is not null)) then 1 else 0 end as being_tried
    from known cross join (${STATES}) as states
    where known.recipient is not null and exists (select 1 from outbox
      where outbox.seq = ${seq} and outbox.recipient = known.recipient and outbox.state = states.state)`.execute(
    db,
  );
  return rows;
}

const STATES = sql.join(
  Object.keys(OUTCOMES).map((state) => sql`select ${sql.lit(state)} as state`),
  sql` union all `,
);

/** Of a bulk ending whose grants have not all been looked at yet (oidc/endings/clear-endings.ts): whoever may be among them. */
async function recipientsOfMark(db: Kysely<Database>, seq: number): Promise<readonly string[]> {
  const marks = await db
    .selectFrom("oidc_bulk_endings")
    .select(["scope", "key"])
    .where("seq", "=", seq)
    .where("scope", "in", ["client", "issuer"])
    .execute();
  if (marks.length === 0) return [];
  const [apps, deleted] = await Promise.all(
    (["oidc_clients", "deleted_clients"] as const).map((table) =>
      db
        .selectFrom(table)
        .select("client_id")
        .where("backchannel_logout", "is not", null)
        .$if(
          marks.every(({ scope }) => scope === "client"),
          (query) =>
            query.where(
              "client_id",
              "in",
              marks.map(({ key }) => key),
            ),
        )
        .execute(),
    ),
  );
  return [...apps!, ...deleted!].map(({ client_id }) => client_id);
}
