import assert from "node:assert/strict";
import { test } from "node:test";
import { privateTargets, privateTargetsSchema } from "../../src/outgoing/index.ts";

const isListed = (entries: readonly string[], url: string) => privateTargets(entries).names(new URL(url));

test("a host is listed with its port or without", () => {
  assert.equal(isListed(["crm.internal"], "http://crm.internal:8443/a"), true);
  assert.equal(isListed(["crm.internal:8443"], "https://crm.internal:8443/a"), true);
  assert.equal(isListed(["crm.internal:443"], "https://CRM.internal./a"), true);
  assert.equal(isListed(["crm.internal:80"], "http://crm.internal/a"), true);
  assert.equal(isListed(["crm.internal:8443"], "https://crm.internal/a"), false);
  assert.equal(isListed(["crm.internal"], "https://evil-crm.internal/a"), false);
  assert.equal(isListed(["crm.internal"], "https://crm.internal.evil.example/a"), false);
  assert.equal(isListed(["127.0.0.1:3000"], "http://127.0.0.1:3000/a"), true);
  assert.equal(isListed(["[::1]:3000"], "http://[::1]:3000/a"), true);
  assert.equal(isListed(["127.0.0.1:3000"], "http://127.0.0.1:3001/a"), false);
});

test("an address is listed by itself and by its network", () => {
  const targets = privateTargets(["10.20.0.0/16", "192.168.1.7", "fd00::/8", "[::1]"]);
  for (const address of ["10.20.3.4", "::ffff:10.20.3.4", "192.168.1.7", "fd12::1", "::1"]) {
    assert.equal(targets.hasAddress(address), true, address);
  }
  for (const address of ["10.21.0.1", "192.168.1.8", "127.0.0.1", "crm.internal", ""]) {
    assert.equal(targets.hasAddress(address), false, address);
  }
});

test("an entry that could never be meant so is refused", () => {
  for (const entry of [
    ...["", "*", "*.internal", "http://crm.internal", "CRM.internal", "crm.internal:0", "crm.internal:99999"],
    ...[
      "10.0.0.0/0",
      "::/0",
      "10.0.0.1/8",
      "10.0.0",
      "0x7f000001",
      "2130706433",
      "127.1",
      "crm_internal",
      "a..b",
    ],
  ]) {
    assert.equal(privateTargetsSchema.safeParse([entry]).success, false, entry);
  }
  const entries = ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "[::1]", "::1", "fd00::/8"];
  assert.deepEqual(privateTargetsSchema.parse(entries), entries);
});
