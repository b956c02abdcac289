import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mock, test } from "node:test";
import { promisify } from "node:util";
import { freePort } from "@portcullis/testing/ports";

const PORTS = new URL("../src/ports.ts", import.meta.url).href;

test("a port that was given out is given to nobody else, though nothing listens on it yet", async (t) => {
  const chance = Math.random();
  mock.method(Math, "random", () => chance);
  t.after(() => mock.restoreAll());
  await freePort();
  await assert.rejects(freePort(), /no 1 free neighbouring ports/);
  const program = `Math.random = () => ${chance}; const { freePort } = await import("${PORTS}"); await freePort();`;
  const other = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", program]);
  await assert.rejects(other, ({ stderr }) => /no 1 free neighbouring ports/.test(stderr));
});
