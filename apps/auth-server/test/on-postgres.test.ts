/** The batteries of one-time things, lineage, endings and the horizon again, with PostgreSQL below the server. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { startPostgres } from "@portcullis/testing/servers";

const BATTERIES = [
  "api/users",
  "api/users-import",
  "bans/administrators",
  "bans/bans",
  "consents/consents-api",
  "oidc/provider/code-flow",
  "oidc/endings/blast-radius",
  "oidc/endings/disabling",
  "oidc/interaction/consent",
  "keys/algorithms",
  "keys/next-key",
  "keys/revoke-key",
  "keys/ring",
  "oidc/tokens/horizon",
  "oidc/endings/lineage",
  "sign-out/logout",
  "oidc/state/one-time",
  "sign-in/change-password",
  "sign-in/kept-out",
  "sign-in/sign-in",
  "oidc/tokens/refresh-grace",
  "apis/apis-api",
  "apps/app-settings",
  "apps/apps-api",
  "apps/secrets",
  "apps/seeds",
  "roles/roles",
  "oidc/state/restart",
  "oidc/tokens/revoke-and-introspect",
  "oidc/state/strangers",
  "oidc/tokens/tabs",
  "oidc/endings/unknown-targets",
  "sessions/lifetimes",
  "sessions/limits",
];

test("the server does on PostgreSQL what it does on SQLite", async (t) => {
  const postgres = await startPostgres({ fsync: false });
  t.after(() => postgres.stop());
  const files = BATTERIES.map((name) => fileURLToPath(new URL(`./${name}.test.ts`, import.meta.url)));
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const child = spawn(
    process.execPath,
    ["--conditions=@portcullis/source", "--test", "--test-concurrency=1", "--test-reporter=spec", ...files],
    { env: { ...environment, PORTCULLIS_TEST_POSTGRES: postgres.url() }, stdio: ["ignore", "pipe", "pipe"] },
  );
  t.after(() => child.kill());
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(child, "close");
  assert.equal(code, 0, said.slice(-20_000));
  assert.match(said, /pass [1-9]/);
});
