import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** What is a client's address only as long as there is no proxy. */
const OTHER_READINGS = /\brequest\.ips?\b|\.remoteAddress\b|\btrustProxy\b/;

test("no process reads a client's address in another way", () => {
  const files = globSync("{apps,packages}/*/src/**/*.ts", { cwd: ROOT }).filter(
    (path) => !path.startsWith("packages/service/src/client-address/"),
  );
  assert.ok(files.length > 100);
  const found = files.filter((path) => OTHER_READINGS.test(readFileSync(`${ROOT}${path}`, "utf8")));
  assert.deepEqual(found, []);
});
