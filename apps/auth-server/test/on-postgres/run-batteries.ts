import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { startPostgres } from "@portcullis/testing/servers";
import { BATTERIES, type Part } from "./batteries.ts";

/** Tests that the server does on PostgreSQL what it does on SQLite. What the batteries say appears as they say it. */
export function testOnPostgres(part: Part): void {
  test(`the server does on PostgreSQL what it does on SQLite: ${part}`, async (t) => {
    const postgres = await startPostgres({ fsync: false });
    t.after(() => postgres.stop());
    const files = BATTERIES[part].map((name) =>
      fileURLToPath(new URL(`../${name}.test.ts`, import.meta.url)),
    );
    const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
    const child = spawn(
      process.execPath,
      ["--conditions=@portcullis/source", "--test", "--test-concurrency=1", "--test-reporter=spec", ...files],
      {
        env: { ...environment, PORTCULLIS_TEST_POSTGRES: postgres.url() },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    t.after(() => child.kill());
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      process.stdout.write(text);
    });
    const [code] = await once(child, "close");
    assert.equal(code, 0, said.slice(-20_000));
    assert.match(said, /pass [1-9]/);
  });
}
