import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** What is a client's address only as long as there is no proxy. */
const OTHER_READINGS = /\brequest\.ips?\b|\.remoteAddress\b|\btrustProxy\b/;

/** What knows of no proxy, and why it need not. */
const OTHERS: Readonly<Record<string, string>> = {
  "packages/guard/src/adapters/fastify.ts": "a service says with clientAddress which proxies it trusts",
  "packages/guard/src/adapters/node.ts": "as for Fastify",
  "apps/auth-server/src/oidc/provider/library-within.ts":
    "a call within the process, given the address that was read",
};

test("no process reads a client's address in another way", () => {
  const files = globSync("{apps,packages}/*/src/**/*.ts", { cwd: ROOT }).filter(
    (path) => !path.startsWith("packages/service/src/client-address/"),
  );
  assert.ok(files.length > 100);
  const found = files.filter((path) => OTHER_READINGS.test(readFileSync(`${ROOT}${path}`, "utf8")));
  assert.deepEqual(found.toSorted(), Object.keys(OTHERS).toSorted());
});
