import { DatabaseSync } from "node:sqlite";
import { SCOPE_CODES, type Scope } from "@portcullis/protocol";
import pg from "pg";

export interface LogRow {
  readonly seq: number;
  readonly scope: Scope;
  /** What was revoked, in clear. */
  readonly key: string | null;
}

/** The log, read out of the database itself: what a server says of it proves nothing. */
export interface LogInSql {
  head(): Promise<number>;
  /** Rows with these seqs. */
  rows(seqs: readonly number[]): Promise<LogRow[]>;
}

const SCOPE_OF_CODE = new Map<number, Scope>(
  Object.entries(SCOPE_CODES).map(([scope, code]) => [code, scope as Scope]),
);

interface StoredRow {
  readonly seq: number | string;
  readonly scope: number | string;
  readonly key_text: string | null;
}

const asRow = ({ seq, scope, key_text: key }: StoredRow): LogRow => ({
  seq: Number(seq),
  scope: SCOPE_OF_CODE.get(Number(scope))!,
  key,
});

/** A connection for each question: the server is restarted between them. */
export function openPostgresLog(url: string): LogInSql {
  const ask = async <Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<Row[]> => {
    const client = new pg.Client({ connectionString: url });
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    async head() {
      const [state] = await ask<{ head: string }>("select head from revocation_state", []);
      return Number(state!.head);
    },
    async rows(seqs) {
      const text = "select seq, scope, key_text from revocations where seq = any($1::bigint[])";
      return (await ask<StoredRow>(text, [seqs])).map(asRow);
    },
  };
}

export function openSqliteLog(file: string): LogInSql {
  const ask = <Row>(work: (database: DatabaseSync) => Row): Row => {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      database.exec("pragma busy_timeout = 5000");
      return work(database);
    } finally {
      database.close();
    }
  };
  return {
    async head() {
      return ask((database) => Number(database.prepare("select head from revocation_state").get()!.head));
    },
    async rows(seqs) {
      const text =
        "select seq, scope, key_text from revocations where seq in (select value from json_each(?))";
      return ask((database) => {
        const rows = database.prepare(text).all(JSON.stringify(seqs));
        return rows.map((row) => asRow(row as unknown as StoredRow));
      });
    },
  };
}
