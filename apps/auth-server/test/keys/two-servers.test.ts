/** Two servers of one issuer on one PostgreSQL database: what one does to the keys holds at the other at once. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import { decodeProtectedHeader } from "jose";
import {
  begin,
  introspect,
  isEnd,
  machineToken,
  ok,
  passPages,
  redeem,
  refresh,
  revokeByApi,
  signIn,
  token,
} from "../oidc/app.ts";
import { basicOf, RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { apiToken, forge, kidOf, stealKey, useApi } from "./stolen-key.ts";

let postgres: Awaited<ReturnType<typeof startPostgres>>;
let server: ServerUnderTest;
let other: string;

before(async () => {
  postgres = await startPostgres({ fsync: false });
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  server = await startServer({ change: (configuration) => Object.assign(configuration, { database }) });
  other = await server.startAnother();
});
after(async () => {
  await server.stop();
  await postgres.stop();
});

const audience = (): string => `${server.issuer}/api`;

async function jwksAt(at: string): Promise<string[]> {
  const { keys } = json<{ keys: { kid: string }[] }>(await exchange(`${at}/jwks`));
  return keys.map(({ kid }) => kid);
}

async function retireAt(kid: string): Promise<void> {
  const answer = await revokeByApi(server, { scope: "key", key: kid });
  assert.equal(answer.status, 200, answer.body);
}

describe("a key that is retired at one server", () => {
  it("is dead at the other with the receipt: it signs with the successor, and publishes it", async () => {
    const device = await signIn(server);
    const key = await stealKey(server);
    await retireAt(key.kid);
    const [successor, standby, ...more] = await jwksAt(other);
    assert.deepEqual([await jwksAt(server.issuer), more], [[successor, standby], []]);
    assert.equal(kidOf(await machineToken(other, "service", RESOURCE, "orders.read")), successor);
    const next = ok(await refresh(other, device.refresh_token));
    assert.deepEqual([kidOf(next.access_token), kidOf(next.id_token)], [successor, successor]);
    assert.equal((await introspect(server.issuer, "orders", next.access_token)).active, true);

    const forged = await forge(key, {
      issuer: server.issuer,
      audience: audience(),
      nowSeconds: Date.now() / 1000,
    });
    assert.equal((await useApi(other, forged)).status, 401);
    assert.equal((await useApi(other, await apiToken(other, audience()))).status, 200);
  });

  it("makes no token there that is dead when it is answered after the receipt", async () => {
    const { kid } = await stealKey(server);
    let hasReceipt = false;
    let late = 0;
    const ask = async () => {
      const startedLate = hasReceipt;
      const answer = await token(
        other,
        { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
        { authorization: basicOf("service") },
      );
      if (answer.status === 503) return;
      const signedWith = kidOf(ok(answer).access_token);
      if (startedLate) late++;
      assert.ok(!startedLate || signedWith !== kid);
    };
    const ends = performance.now() + 30_000;
    const worker = async () => {
      while (late < 40 && performance.now() < ends) await ask();
    };
    const workers = Array.from({ length: 8 }, worker);
    await retireAt(kid);
    hasReceipt = true;
    await Promise.all(workers);
    assert.ok(late >= 40);
  });

  it("leaves one key that signs and one that is next, though both retire it at once", async () => {
    const { kid } = await stealKey(server);
    const next = await stealKey(server, "next");
    const answers = await postAtOnce(
      [server.issuer, other, server.issuer, other].map((at) => ({
        at,
        path: "/revocations",
        body: { scope: "key", key: kid },
      })),
    );
    // The token of one may have been signed with the key that another has just retired.
    assert.ok(answers.some(({ status }) => status < 300));
    const [left, right] = await Promise.all([jwksAt(server.issuer), jwksAt(other)]);
    assert.deepEqual(left, right);
    assert.deepEqual([left.length, left[0]], [2, next.kid]);
  });
});

describe("the list of keys on PostgreSQL", () => {
  it("is the same a page at a time as it is whole", async () => {
    const { ring } = server.server;
    const all = await ring.list(undefined, 100);
    assert.ok(all.length >= 3, String(all.length));
    const [first, ...none] = await ring.list(undefined, 1);
    const rest = [];
    for (let at = first; at !== undefined; [at] = await ring.list(at, 1)) rest.push(at);
    assert.deepEqual([none, rest], [[], all]);
    assert.equal(await ring.count(), all.length);
  });
});

interface Act {
  readonly at: string;
  readonly path: string;
  readonly body?: object;
}

/** At once, with tokens made before: while a key is being retired a server may have none to sign with, and says 503. */
async function postAtOnce(acts: readonly Act[]): Promise<Exchange[]> {
  const withTokens: (Act & { readonly accessToken: string })[] = [];
  for (const act of acts) withTokens.push({ ...act, accessToken: await adminToken(act.at) });
  return Promise.all(withTokens.map(send));
}

async function post(at: string, path: string, body: object): Promise<Exchange> {
  return send({ at, path, body, accessToken: await adminToken(at) });
}

const adminToken = (at: string) => machineToken(at, "admin", audience(), "revocations.write keys.write");

const send = ({ at, path, body = {}, accessToken }: Act & { readonly accessToken: string }) =>
  exchange(`${at}${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
  });

const statuses = async () => (await server.server.ring.list(undefined, 100)).map(({ status }) => status);
const onlyPublished = (all: string[]) => all.filter((status) => status === "active" || status === "next");

describe("two servers that change the keys at once", () => {
  it("leave one that signs and one that is next, and know the same", async () => {
    for (let round = 0; round < 5; round++) {
      const active = await stealKey(server);
      const next = await stealKey(server, "next");
      const answers = await postAtOnce([
        { at: server.issuer, path: "/api/v1/keys/rotate" },
        { at: other, path: "/api/v1/keys/rotate" },
        { at: other, path: `/api/v1/keys/${active.kid}/retire` },
        { at: server.issuer, path: `/api/v1/keys/${next.kid}/retire` },
      ]);
      assert.ok(answers.some(({ status }) => status < 300));
      assert.deepEqual(onlyPublished(await statuses()), ["active", "next"]);
      const [left, right] = await Promise.all([jwksAt(server.issuer), jwksAt(other)]);
      assert.deepEqual(left, right);
      assert.equal(kidOf(await machineToken(other, "service", RESOURCE, "orders.read")), left[0]);
    }
  });

  it("learn of each other's keys before a token that is signed with one comes to them", async () => {
    const [, next] = await jwksAt(other);
    const rotated = await post(server.issuer, "/api/v1/keys/rotate", {});
    assert.equal(rotated.status, 200, rotated.body);
    assert.equal(json<{ kid: string }>(rotated).kid, next);
    assert.deepEqual((await jwksAt(other)).slice(0, 2), [next, json<{ next: string }>(rotated).next]);
  });

  it("make the next one that a server of an older version has left out", async () => {
    const [active, gone] = await jwksAt(other);
    await server.server.storage.write(async ({ db }) => {
      await db.deleteFrom("oidc_signing_keys").where("kid", "=", gone!).execute();
      await db
        .updateTable("oidc_key_ring")
        .set(({ eb }) => ({ revision: eb("revision", "+", 1) }))
        .execute();
    });
    const both = await Promise.all([jwksAt(server.issuer), jwksAt(other)]);
    assert.deepEqual(both[0], both[1]);
    assert.equal(both[0]![0], active);
    assert.notEqual(both[0]![1], gone);
    assert.deepEqual(onlyPublished(await statuses()), ["active", "next"]);
  });
});

describe("a key that is rotated at one server", () => {
  it("signs no more at the other, and is still published by both", async () => {
    const before = await machineToken(other, "service", RESOURCE, "orders.read");
    const { kid, next } = await server.server.ring.rotate();
    assert.equal(kidOf(await machineToken(other, "service", RESOURCE, "orders.read")), kid);
    const published = await jwksAt(other);
    assert.deepEqual(published.slice(0, 2), [kid, next]);
    assert.ok(published.includes(kidOf(before)));
    assert.equal((await introspect(other, "orders", before)).active, true);
  });
});

describe("an algorithm that one server begins to offer", () => {
  const offered = async (at: string): Promise<string[]> => {
    const { keys } = json<{ keys: { kid: string; alg: string }[] }>(await exchange(`${at}/jwks`));
    return keys.filter(({ alg }) => alg === "RS256").map(({ kid }) => kid);
  };
  const api = "https://rsa.portcullis.example";

  it("is made once, though both are asked at once, and the other signs with it and publishes it", async () => {
    const both = [server.server.ring, server.serverAt(other).ring];
    const answers = await Promise.all(both.map((ring) => ring.offer("RS256")));
    const [left, right] = await Promise.all([offered(server.issuer), offered(other)]);
    assert.deepEqual(left, right);
    assert.deepEqual(
      answers.map(({ kid }) => kid),
      [left[0], left[0]],
    );
    assert.equal(left.length, 2);
  });

  it("is that of an app at the other's pages and tokens, from the next request on", async () => {
    const { ring, oidc, apis, storage } = server.server;
    await ring.offer("EdDSA");
    await storage.write(async (transaction) => {
      const settings = {
        name: "RSA",
        permissions: { read: "Read" },
        accessTokenTtlSeconds: 60,
        claims: {},
        personalTokenPermissions: [],
      };
      await apis.insert(transaction, { ...settings, identifier: api, origin: "api", algorithm: "RS256" });
      const [web, service] = [
        await oidc.clients.lock(transaction, "web"),
        await oidc.clients.lock(transaction, "service"),
      ];
      await oidc.clients.update(transaction, "web", { ...web, idTokenAlgorithm: "EdDSA" });
      const apisOfService = { ...service.apis, [api]: ["read"] };
      await oidc.clients.update(transaction, "service", { ...service, apis: apisOfService });
    });
    const asked = await new PlainBrowser().open(begin(other).url, isEnd);
    assert.ok(asked.status === 200 && asked.forms[0]!.hasPassword, asked.body);
    const attempt = begin(server.issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const device = ok(await redeem(other, attempt, callback));
    assert.equal(decodeProtectedHeader(device.id_token).alg, "EdDSA");
    const accessToken = await machineToken(other, "service", api, "read");
    assert.deepEqual(kidOf(accessToken), (await offered(server.issuer))[0]);
    assert.equal((await introspect(server.issuer, "auditor", accessToken)).active, true);
  });
});
