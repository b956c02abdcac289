import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { keyListSchema, keyRetirementAnswerSchema, rotatedKeySchema } from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { machineToken } from "../oidc/app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { kidOf } from "./stolen-key.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const BOTH = "keys.read keys.write";

interface Call {
  readonly method?: "GET" | "POST";
  readonly body?: unknown;
  readonly scope?: string;
  readonly headers?: Record<string, string>;
}

async function call(
  path: string,
  { method = "GET", body, scope = BOTH, headers = {} }: Call = {},
): Promise<Exchange> {
  const accessToken = await machineToken(server.issuer, "admin", `${server.issuer}/api`, scope);
  const json = body === undefined ? {} : { "content-type": "application/json" };
  return exchange(`${server.issuer}/api/v1${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    headers: { authorization: `Bearer ${accessToken}`, ...json, ...headers },
  });
}

const keys = async () => keyListSchema.parse(json(await call("/keys"))).items;
const serviceKid = async () => kidOf(await machineToken(server.issuer, "service", RESOURCE, "orders.read"));

describe("the keys API", () => {
  it("lists keys without what signs, rotates, and retires with a receipt that repeats", async () => {
    const [first, second, ...none] = await keys();
    assert.deepEqual([first!.status, second!.status, none], ["active", "next", []]);
    const rotated = await call("/keys/rotate", { method: "POST" });
    const { kid, publishedSince, next } = rotatedKeySchema.parse(json(rotated));
    assert.deepEqual([kid, publishedSince], [second!.kid, second!.publishedSince]);
    assert.equal(await serviceKid(), kid);
    const after = await call("/keys");
    assert.deepEqual(
      keyListSchema.parse(json(after)).items.map((key) => [key.kid, key.status, "publishedUntil" in key]),
      [
        [kid, "active", false],
        [next, "next", false],
        [first!.kid, "retiring", true],
      ],
    );
    assert.doesNotMatch(after.body, /"[dxy]":/);
    assert.equal(after.headers["cache-control"], "no-store");

    const path = `/keys/${kid}/retire`;
    const retired = await call(path, {
      method: "POST",
      body: { note: "leaked" },
      headers: { prefer: "wait=2" },
    });
    assert.equal(retired.status, 200, retired.body);
    assert.equal(retired.headers["preference-applied"], "wait=2");
    const receipt = keyRetirementAnswerSchema.parse(json(retired));
    assert.deepEqual([receipt.key, receipt.known, receipt.state], [kid, true, "enforced"]);
    assert.deepEqual([receipt.signing.kid, await serviceKid()], [next, next]);
    assert.deepEqual([receipt.signing.changed, receipt.signing.warning?.code], [true, "recently_published"]);
    const entry = (await keys()).find((key) => key.kid === kid)!;
    assert.deepEqual(
      [entry.status, entry.retiredReason, entry.retiredBy, "publishedSince" in entry],
      ["retired", "key_retired", "admin", false],
    );

    const again = keyRetirementAnswerSchema.parse(json(await call(path, { method: "POST" })));
    assert.deepEqual([again.seq, again.repeated, again.signing.kid], [receipt.seq, true, next]);
    assert.deepEqual([again.signing.changed, "warning" in again.signing], [false, false]);
  });

  it("says that the same key signs, and warns of nothing, when a next key is retired", async () => {
    const [active, next] = await keys();
    const answer = await call(`/keys/${next!.kid}/retire`, { method: "POST" });
    const { signing } = keyRetirementAnswerSchema.parse(json(answer));
    const { kid, publishedSince } = active!;
    assert.deepEqual(signing, { kid, algorithm: "ES256", publishedSince, changed: false });
  });

  it("retires a key that was rotated out, too: refused, and not only unpublished", async () => {
    const [active] = await keys();
    await call("/keys/rotate", { method: "POST" });
    const answer = await call(`/keys/${active!.kid}/retire`, { method: "POST" });
    assert.equal(answer.status, 200);
    assert.ok(server.server.revocations.local.isKeyRevoked(active!.kid));
    assert.equal((await keys()).filter(({ status }) => status === "active").length, 1);
  });

  it("says what is wrong as RFC 9457 has it", async () => {
    const problemOf = (answer: Exchange) => {
      const { status, code } = json<{ status: number; code: string }>(answer);
      assert.equal(answer.headers["content-type"], "application/problem+json");
      assert.equal(status, answer.status);
      return [status, code];
    };
    const retire = (kid: string, more: Call = {}) => call(`/keys/${kid}/retire`, { method: "POST", ...more });
    assert.deepEqual(problemOf(await retire("no-such-key")), [404, "unknown_key"]);
    const [active] = await keys();
    assert.deepEqual(problemOf(await retire(active!.kid, { body: { why: 1, reason: "x" } })), [
      400,
      "invalid_request",
    ]);
    const form = { headers: { "content-type": "text/plain" } };
    assert.deepEqual(problemOf(await retire(active!.kid, { body: "x", ...form })), [415, "invalid_request"]);
    assert.deepEqual(problemOf(await call("/keys/rotate", { method: "POST", body: { a: 1 } })), [
      400,
      "invalid_request",
    ]);
    assert.equal(await serviceKid(), active!.kid, "nothing was changed");
  });

  it("lists a page at a time, in the order of the whole, and counts when it is asked to", async () => {
    await call("/keys/rotate", { method: "POST" });
    await call("/keys/rotate", { method: "POST" });
    const all = await keys();
    assert.ok(all.length >= 5, String(all.length));
    for (const limit of [1, 2, all.length]) {
      const found: string[] = [];
      for (let cursor: string | undefined = ""; cursor !== undefined; ) {
        const after: string = cursor === "" ? "" : `&cursor=${cursor}`;
        const page = keyListSchema.parse(json(await call(`/keys?limit=${limit}&total=true${after}`)));
        assert.equal(page.total, all.length);
        found.push(...page.items.map(({ kid }) => kid));
        cursor = page.next;
      }
      assert.deepEqual(
        found,
        all.map(({ kid }) => kid),
      );
    }
    const refused = await call("/keys?cursor=x&limit=201");
    const { problems } = json<{ problems: { field: string }[] }>(refused);
    assert.deepEqual([refused.status, problems.map(({ field }) => field)], [400, ["limit", "cursor"]]);
  });

  it("is for those with the scope alone", async () => {
    const [active] = await keys();
    const asReader = { method: "POST", scope: "keys.read" } as const;
    assert.equal((await call("/keys/rotate", asReader)).status, 403);
    assert.equal((await call(`/keys/${active!.kid}/retire`, asReader)).status, 403);
    assert.equal((await call("/keys", { scope: "keys.write" })).status, 403);
    assert.equal((await exchange(`${server.issuer}/api/v1/keys`)).status, 401);
    assert.equal(await serviceKid(), active!.kid);
  });
});
