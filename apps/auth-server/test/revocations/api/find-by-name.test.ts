/** Revocations are looked for by a name that many have had: what one call costs has a bound. */
import assert from "node:assert/strict";
import test from "node:test";
import type { KyselyPlugin } from "kysely";
import { checkListQuery } from "../../../src/revocations/api/check-inspect-query.ts";
import { findRevocations } from "../../../src/revocations/api/find-revocations.ts";
import { draft, oneTo, temporaryStorage } from "../../storage/temporary-storage.ts";

test("a name that was had and given up a thousand times is looked for in few statements", async (t) => {
  const { log, read, write } = await temporaryStorage(t);
  const subs = oneTo(1000).map((at) => `sub-${at}`);
  const key = { subject: "sub-1", client: "web" };
  await write(async (transaction) =>
    transaction.append([
      ...subs.map((sub) => draft(sub, { scope: "subject" })),
      draft("x", { scope: "subject-client", key }),
    ]),
  );
  await write(async ({ db }) => {
    const web = { client_id: "web", name: "Shop", deleted_at: 1, deleted_by: "admin" };
    await db.insertInto("deleted_clients").values(web).execute();
  });
  let statements = 0;
  const counting: KyselyPlugin = {
    transformQuery({ node }) {
      statements++;
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  const options = {
    read: read.withPlugin(counting),
    keySpace: log.keySpace,
    head: await log.refresh(),
    oldestKept: log.oldestKept(),
    subsOf: async () => subs,
    ownApi: undefined,
  };
  const found: number[] = [];
  for (let before: string | undefined = "1002"; before !== undefined; ) {
    const query = checkListQuery({ key: "alice", limit: "500", before });
    const { revocations, next } = await findRevocations(options, query);
    found.push(...revocations.map(({ seq }) => seq));
    before = next === undefined ? undefined : String(next);
  }
  assert.deepEqual(found, oneTo(1001).toReversed());
  assert.ok(statements < 300, `${statements} statements for three pages`);
});
