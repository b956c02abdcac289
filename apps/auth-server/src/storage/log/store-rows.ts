/** Puts rows that have their place into the log, and its head after them, in as few statements as the database takes. */
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Database, Dialect } from "../database.ts";
import type { RevocationsTable } from "../tables/revocations.ts";

/** Of PostgreSQL's LISTEN and NOTIFY: the other servers hear of a commit through it. */
export const CHANNEL = "portcullis";
/** Rows of one INSERT; SQLite takes 32,766 parameters, a row has 12. */
const ROWS_PER_STATEMENT = 200;

export interface StoreRows {
  readonly incarnation: string;
  /** In the order of their seqs, one at least. */
  readonly rows: readonly RevocationsTable[];
}

type Store = (db: Kysely<Database>, options: StoreRows) => Promise<void>;

export const storeRows: Readonly<Record<Dialect, Store>> = {
  async sqlite(db, { rows }) {
    for (let at = 0; at < rows.length; at += ROWS_PER_STATEMENT) {
      const values = rows.slice(at, at + ROWS_PER_STATEMENT);
      await db.insertInto("revocations").values(values).execute();
    }
    const { seq: head, chain } = rows.at(-1)!;
    await db.updateTable("revocation_state").set({ head, chain }).execute();
  },
  /**
   * One statement, as every other server waits until it is over; one array a column, so that its text is always the same.
   * The notification is sent by PostgreSQL at the commit, and never without it.
   */
  async postgres(db, { incarnation, rows }) {
    const { seq: head, chain } = rows.at(-1)!;
    const message = JSON.stringify({ type: "head", incarnation, seq: head });
    const columns = sql.join(COLUMNS.map((column) => sql.ref(column)));
    await sql`/* prepared: append */
      with moved as (update revocation_state set head = ${head}, chain = ${chain}),
      stored as (insert into revocations (${columns}) select * from unnest(${sql.join(COLUMNS.map(arrayOf(rows)))}))
      select pg_notify(${CHANNEL}, ${message})`.execute(db);
  },
};

const TYPES: Readonly<Record<keyof RevocationsTable, RawBuilder<unknown>>> = {
  seq: sql`bigint[]`,
  scope: sql`bigint[]`,
  mode: sql`bigint[]`,
  reason: sql`bigint[]`,
  key: sql`bytea[]`,
  key_text: sql`text[]`,
  revoked_at: sql`bigint[]`,
  expires_at: sql`bigint[]`,
  token_expires_at: sql`bigint[]`,
  chain: sql`bytea[]`,
  actor: sql`text[]`,
  note: sql`text[]`,
};
const COLUMNS = Object.keys(TYPES) as (keyof RevocationsTable)[];

const arrayOf =
  (rows: readonly RevocationsTable[]) =>
  (column: keyof RevocationsTable): RawBuilder<unknown> =>
    sql`${rows.map((row) => row[column])}::${TYPES[column]}`;
