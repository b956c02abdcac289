import assert from "node:assert/strict";
import { test } from "node:test";
import { checkServers } from "../check-servers.ts";
import { treeOf } from "./tree-of.ts";

const COMPLAINTS: Record<string, { path: string; text: string; complaint: RegExp }> = {
  "a server made with Node's own function": {
    path: "apps/gateway/src/a.ts",
    text: 'import {\n  createServer,\n  type Server,\n} from "node:http";\ncreateServer();',
    complaint: /^apps\/gateway\/src\/a\.ts: makes a server by itself/,
  },
  "a Fastify app with a server of its own": {
    path: "examples/orders-service/src/a.ts",
    text: "const app = Fastify({ logger: false });",
    complaint: /without serverFactory: fastifyServer/,
  },
  "a line that is written past the log's destination": {
    path: "apps/relay/src/a.ts",
    text: 'process.stderr.write("a line\\n");',
    complaint: /^apps\/relay\/src\/a\.ts: writes to standard error by itself/,
  },
  "grants that are deleted where nobody tells their apps": {
    path: "apps/auth-server/src/sessions/a.ts",
    text: 'await db\n  .deleteFrom("oidc_grants")\n  .where("id", "=", id)\n  .execute();',
    complaint: /^apps\/auth-server\/src\/sessions\/a\.ts: deletes grants by itself/,
  },
  "rows that are deleted by a clock of their own": {
    path: "apps/auth-server/src/names/a.ts",
    text: 'const old = db.selectFrom("names").where("last_used_at", "<=", wholeSeconds(clock));\ndb.deleteFrom("names").where("id", "in", old);',
    complaint: /^apps\/auth-server\/src\/names\/a\.ts: deletes rows by their time/,
  },
  "a time of deleting that nobody has confirmed": {
    path: "apps/auth-server/src/names/a.ts",
    text: "await prune(new PruneTime({ seconds: wholeSeconds(clock) }));",
    complaint: /^apps\/auth-server\/src\/names\/a\.ts: makes a time of deleting/,
  },
  "grants that are deleted in plain SQL": {
    path: "apps/auth-server/src/names/a.ts",
    text: "await sql`DELETE FROM oidc_grants where id = 7`.execute(db);",
    complaint: /^apps\/auth-server\/src\/names\/a\.ts: deletes grants by itself/,
  },
};

for (const [what, { path, text, complaint }] of Object.entries(COMPLAINTS)) {
  test(`complains of ${what}`, (t) => {
    const complaints = checkServers(treeOf({ [path]: text }, t));
    assert.equal(complaints.length, 1, complaints.join("\n"));
    assert.match(complaints[0]!, complaint);
  });
}

test("has nothing against servers from packages/service, and those of tests", (t) => {
  const files = {
    "apps/gateway/src/a.ts": 'import { createHttpServer } from "@portcullis/service";\ncreateHttpServer({});',
    "apps/relay/src/a.ts": "const app = Fastify({\n  serverFactory: fastifyServer,\n  logger: false,\n});",
    "apps/auth-server/src/names/b.ts":
      'prune = ({ db }, limit, time: PruneTime) => db.deleteFrom("names").where("last_used_at", "<=", time.seconds)',
    "apps/auth-server/src/oidc/state/clear-grants.ts": 'db.deleteFrom("oidc_grants");',
    "apps/auth-server/src/sessions/a.ts":
      'db.selectFrom("oidc_grants"); db.deleteFrom("oidc_grants_of_others");',
    "apps/relay/test/a.ts": 'import { createServer } from "node:net";\nconst app = Fastify();',
    "packages/testing/src/a.ts": 'import { createServer } from "node:net";',
  };
  assert.deepEqual(checkServers(treeOf(files, t)), []);
});

test("looks at the files of this repository", () => {
  assert.deepEqual(checkServers(), []);
});
