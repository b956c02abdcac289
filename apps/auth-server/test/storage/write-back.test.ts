/** When SQLite's journal is written back: never by the COMMIT of very many rows, which holds the process for long enough as it is. */
import assert from "node:assert/strict";
import { statSync } from "node:fs";
import { test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import { openWriter } from "../../src/storage/sqlite/connection.ts";
import { prepareDataFile } from "../../src/storage/sqlite/data-file.ts";
import { sqliteGroupConnection } from "../../src/storage/sqlite/group-connection.ts";
import { temporaryFile, temporaryStorage } from "./temporary-storage.ts";

/** A page each, and more of them than a COMMIT leaves in the journal by itself. */
const insertRows = (rows: number): string =>
  `WITH RECURSIVE at(n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM at WHERE n < ${rows})
   INSERT INTO rows_of_test SELECT zeroblob(4000) FROM at`;

test("a COMMIT of very many rows leaves the journal to a turn of its own, and any other writes it back when it is long", async (t) => {
  const file = temporaryFile(t);
  prepareDataFile(file);
  const writer = openWriter(file);
  t.after(() => writer.database.close());
  writer.database.exec("CREATE TABLE rows_of_test (value BLOB)");
  let asked = 0;
  const connection = sqliteGroupConnection(writer, { writeBackSoon: () => asked++ });
  const writtenBy = async (rows: number): Promise<number> => {
    const before = statSync(file).size;
    await connection.begin();
    writer.database.exec(insertRows(rows));
    await connection.commit();
    return statSync(file).size - before;
  };
  assert.deepEqual([await writtenBy(10), asked], [0, 0]);
  assert.deepEqual([await writtenBy(5000), asked], [0, 1], "it is left as it is");
  assert.ok((await writtenBy(10)) > 5000 * 4000, "the next finds it long");
  assert.equal(asked, 1);
});

test("the journal of a unit with very many rows is written back soon", async (t) => {
  const storage = await temporaryStorage(t);
  const { file } = (await storage.read
    .selectFrom("pragma_database_list" as never)
    .select("file" as never)
    .executeTakeFirstOrThrow()) as { file: string };
  await storage.write(async ({ db }) => {
    const now = Math.floor(Date.now() / 1000);
    for (let at = 0; at < 5000; at += 100)
      await db
        .insertInto("oidc_consents")
        .values(
          Array.from({ length: 100 }, (_, index) => ({
            account_id: `u${at + index}`,
            client_id: "web",
            allowed: JSON.stringify({ filler: "x".repeat(2000) }),
            created_at: now,
            changed_at: now,
            expires_at: null,
          })),
        )
        .execute();
  });
  await until(() => statSync(file).size > 5000 * 2000, { what: "the journal written back" });
});
