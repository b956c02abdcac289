/** Tokens for scripts at the server: making, listing, asking about, rotating and ending them. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { encodeOpaqueToken, introspectedTokenSchema, opaqueTokenKind } from "@portcullis/protocol";
import { exchange } from "@portcullis/testing/end-to-end";
import { done, refusalOf } from "../api/administrator.ts";
import { form, introspect, machineToken } from "../oidc/app.ts";
import { basicOf, OTHER_RESOURCE, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import {
  asked,
  askTokens,
  inDays,
  makeTokenOf,
  revokeAs,
  startWithTokens,
  verdict,
  wantedToken,
} from "./tokens-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startWithTokens(({ clients }) => {
    const service = clients.find(({ clientId }) => clientId === "service")!;
    for (const clientId of ["shrinking", "shrinking2"]) {
      const resources = { [RESOURCE]: ["orders.read", "orders.write"] };
      clients.push({ ...service, clientId, resources } as never);
    }
  });
});
after(() => server.stop());

const subOf = async (name: string): Promise<string> => (await done(server, ["GET", `users/${name}`])).sub;

/** All that the database holds, as one text; bytes as the characters that they may be. */
async function everyRow({ server: { storage } }: ServerUnderTest): Promise<string> {
  const texts = [];
  for (const { name } of await storage.read.introspection.getTables())
    for (const row of await storage.read
      .selectFrom(name as "script_tokens")
      .selectAll()
      .execute())
      for (const value of Object.values(row))
        texts.push(value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : String(value));
  return texts.join("\n");
}

const madeUp = () => encodeOpaqueToken("personal", crypto.getRandomValues(new Uint8Array(32)));

describe("a personal token", () => {
  it("is shown once, and a verifier of its API is told all that a verdict needs", async () => {
    const addresses = ["203.0.113.0/24", "2001:db8::/32"];
    const head = server.server.storage.log.head();
    const made = await makeTokenOf(server, "users/alice", { allowedAddresses: addresses });
    assert.equal(opaqueTokenKind(made.token), "personal");
    const claims = introspectedTokenSchema.parse(await asked(server, made.token));
    const { iat, exp, rv, ...rest } = claims;
    assert.deepEqual(rest, {
      active: true,
      token_type: "Bearer",
      iss: server.issuer,
      sub: await subOf("alice"),
      client_id: "portcullis-personal-token",
      username: "alice",
      aud: [RESOURCE],
      scope: "orders.read",
      jti: made.id,
      name: "Nightly export",
      allowed_addresses: addresses,
    });
    assert.equal(exp, Math.floor(Date.parse(made.expiresAt!) / 1000));
    assert.ok(iat <= exp && rv >= head && rv <= server.server.storage.log.head());
    const read = await done(server, ["GET", `users/alice/tokens/${made.id}`], { scope: "tokens.read" });
    assert.equal(read.token, undefined);
    assert.equal(JSON.stringify(read).includes(made.token), false);
  });

  it("is told of to whoever is configured for its API, or may ask about any, and to nobody else", async () => {
    const { token } = await makeTokenOf(server, "users/alice");
    for (const client of ["orders", "service", "auditor"])
      assert.equal((await asked(server, token, client)).active, true, client);
    for (const client of ["billing", "admin"])
      assert.deepEqual(await asked(server, token, client), { active: false }, client);
    const anonymous = await exchange(`${server.issuer}/introspect`, {
      body: form({ token, client_id: "web" }),
    });
    assert.equal(anonymous.body, '{"active":false}', "a client that can keep no secret");
    const nobody = await exchange(`${server.issuer}/introspect`, { body: form({ token }) });
    assert.equal(nobody.status, 400, nobody.body);
  });

  it("holds no more than its user may have in it", async () => {
    const post = (more: object, user = "alice") =>
      askTokens(server, ["POST", `users/${user}/tokens`], { body: wantedToken(server, more) });
    const refused = await post({ permissions: ["orders.read", "orders.delete"] });
    assert.deepEqual(refusalOf(refused), [400, "invalid_request", "permissions.1"]);
    const closed = await post({ api: OTHER_RESOURCE, permissions: ["bills.read"] });
    assert.deepEqual(refusalOf(closed), [409, "owner_kept_out"], "an API that takes no personal tokens");
    for (const own of ["api", "account"]) {
      const refusal = await post({ api: `${server.issuer}/${own}`, permissions: ["users.read"] });
      assert.deepEqual(refusalOf(refusal), [409, "built_in_api"], own);
    }
    assert.deepEqual(refusalOf(await post({ api: "https://nowhere.example" })), [404, "unknown_api"]);
    assert.deepEqual(refusalOf(await post({}, "nobody")), [404, "unknown_subject"]);
  });

  it("has an end, within what the policy lets it be", async () => {
    const post = (more: object) =>
      askTokens(server, ["POST", "users/alice/tokens"], { body: wantedToken(server, more) });
    const problem = [400, "invalid_request", "expiresAt"];
    assert.deepEqual(refusalOf(await post({ expiresAt: undefined })), problem, "none");
    assert.deepEqual(refusalOf(await post({ expiresAt: inDays(server, -1) })), problem, "over");
    assert.deepEqual(refusalOf(await post({ expiresAt: inDays(server, 366) })), problem, "more than a year");
    const setPolicy = (tokens: object | null) =>
      done(server, ["PATCH", "policies/default"], { body: { tokens }, scope: "config.write" });
    const { tokens } = await setPolicy({ maxLifetimeSeconds: 86_400, mayLackExpiry: true });
    assert.deepEqual(tokens, { maxLifetimeSeconds: 86_400, mayLackExpiry: true });
    assert.deepEqual(refusalOf(await post({ expiresAt: inDays(server, 2) })), problem);
    const endless = await makeTokenOf(server, "users/alice", { expiresAt: undefined });
    assert.equal(endless.expiresAt, undefined);
    const { exp, iat } = introspectedTokenSchema.parse(await asked(server, endless.token));
    assert.ok(exp - iat >= 3600 && exp - iat < 3700, "whoever keeps the answer asks anew within the hour");
    assert.equal((await setPolicy(null)).tokens, undefined);
    assert.equal(await verdict(server, endless.token), "active", "a policy that comes later ends none");
  });

  it("runs out by itself, and is told of as one that was never there", async () => {
    const { token } = await makeTokenOf(server, "users/alice", { expiresAt: inDays(server, 1) });
    server.advance(24 * 60 * 60 * 1000);
    assert.deepEqual(await asked(server, token), { active: false });
  });

  it("counts against a hundred that work, of one owner", async () => {
    const sub = await subOf("bob");
    const { storage } = server.server;
    const none = () =>
      storage.write(({ db }) => db.deleteFrom("script_tokens").where("owner_id", "=", sub).execute());
    await none();
    const { token, id } = await makeTokenOf(server, "users/bob");
    await storage.write(async ({ db }) => {
      const row = await db
        .selectFrom("script_tokens")
        .selectAll()
        .where("id", "=", id)
        .executeTakeFirstOrThrow();
      for (let at = 0; at < 98; at++) {
        const copy = { id: String(at).padStart(22, "A"), token_hash: new Uint8Array(32).fill(at) };
        await db
          .insertInto("script_tokens")
          .values({ ...row, ...copy })
          .execute();
      }
    });
    const post = () => askTokens(server, ["POST", "users/bob/tokens"], { body: wantedToken(server) });
    assert.equal((await post()).status, 201);
    assert.deepEqual(refusalOf(await post()), [409, "too_many_tokens"]);
    await done(server, ["DELETE", `users/bob/tokens/${id}`], { scope: "tokens.write" });
    assert.equal(await verdict(server, token), "revoked");
    assert.equal((await post()).status, 201, "one that has ended does not count");
    await none();
  });
});

describe("an API key", () => {
  it("acts as its app, with what the app is configured for", async () => {
    const { token, id, app } = await makeTokenOf(server, "apps/service");
    assert.deepEqual(app, { clientId: "service", name: "service" });
    assert.equal(opaqueTokenKind(token), "key");
    const { sub, client_id, username, aud, scope, jti } = await asked(server, token);
    assert.deepEqual(
      [sub, client_id, username, aud, scope, jti],
      ["service", "service", undefined, [RESOURCE], "orders.read", id],
    );
    const more = await askTokens(server, ["POST", "apps/service/tokens"], {
      body: wantedToken(server, { permissions: ["orders.write"] }),
    });
    assert.deepEqual(refusalOf(more), [400, "invalid_request", "permissions.0"]);
    const other = await askTokens(server, ["POST", "apps/service/tokens"], {
      body: wantedToken(server, { api: OTHER_RESOURCE, permissions: ["bills.read"] }),
    });
    assert.deepEqual(refusalOf(other), [409, "owner_kept_out"]);
    const own = await askTokens(server, ["POST", "apps/admin/tokens"], {
      body: wantedToken(server, { api: `${server.issuer}/api`, permissions: ["users.read"] }),
    });
    assert.deepEqual(refusalOf(own), [409, "built_in_api"]);
  });

  it("loses with the app what the app loses", async () => {
    const made = await makeTokenOf(server, "apps/shrinking", {
      permissions: ["orders.read", "orders.write"],
    });
    const patch = (apis: object) =>
      done(server, ["PATCH", "apps/shrinking"], { body: { apis }, scope: "apps.write" });
    await patch({ [RESOURCE]: ["orders.write"] });
    assert.equal((await asked(server, made.token)).scope, "orders.write");
    await patch({ [RESOURCE]: null, [OTHER_RESOURCE]: ["bills.read"] });
    assert.deepEqual(await asked(server, made.token), { active: false, reason: "revoked" });
  });
});

describe("asking about what is no token", () => {
  it("says the same of what was made up, mistyped, or is of another kind", async () => {
    for (const text of [madeUp(), madeUp().slice(0, -1), "pcl_", "pcl_secret_x", `${madeUp()}x`])
      assert.deepEqual(await asked(server, text), { active: false }, text);
  });

  it("reads nothing of the database for a checksum that is wrong, and fails closed where it must read", async () => {
    const { storage } = server.server;
    const renamed = async (from: string, to: string) => {
      await storage.write(({ db }) => db.schema.alterTable(from).renameTo(to).execute());
    };
    const ask = (token: string) =>
      exchange(`${server.issuer}/introspect`, {
        body: form({ token }),
        headers: { authorization: basicOf("orders") },
      });
    const text = madeUp();
    const mistyped = text.replace(/.$/, text.endsWith("0") ? "1" : "0");
    await renamed("script_tokens", "script_tokens_away");
    await renamed("oidc_artefacts", "oidc_artefacts_away");
    try {
      assert.equal((await ask(mistyped)).body, '{"active":false}');
      assert.ok((await ask(text)).status >= 500);
      assert.equal((await revokeAs(server.issuer, "orders", mistyped)).status, 200);
    } finally {
      await renamed("oidc_artefacts_away", "oidc_artefacts");
      await renamed("script_tokens_away", "script_tokens");
    }
    assert.deepEqual(await asked(server, text), { active: false });
  });

  it("finds a token by an index on its hash", async () => {
    const { storage } = server.server;
    if (storage.dialect !== "sqlite") return;
    const { sql } = await import("kysely");
    const plan = await sql<{ detail: string }>`explain query plan
      select * from script_tokens where token_hash = ${new Uint8Array(32)}`.execute(storage.read);
    assert.match(plan.rows.map(({ detail }) => detail).join("\n"), /USING INDEX script_tokens_by_token_hash/);
  });
});

describe("the servers' own APIs", () => {
  it("take no such token", async () => {
    const { token } = await makeTokenOf(server, "users/alice");
    for (const path of ["/api/v1/users", "/account/v1", "/userinfo"]) {
      const answer = await exchange(`${server.issuer}${path}`, {
        headers: { authorization: `Bearer ${token}` },
      });
      assert.equal(answer.status, 401, path);
    }
  });
});

describe("ending a token", () => {
  it("gives a receipt, and the earlier one when it has ended before", async () => {
    const { id, token } = await makeTokenOf(server, "users/alice");
    const end = (query = "") =>
      done(server, ["DELETE", `users/alice/tokens/${id}${query}`], {
        scope: "tokens.write",
        headers: { prefer: "wait=5" },
      });
    assert.deepEqual(await end("?dryRun=true"), {
      dryRun: true,
      ends: { users: 1, sessions: 0, apps: 1, tokens: 1 },
    });
    assert.equal(await verdict(server, token), "active");
    const first = await end();
    assert.deepEqual([first.changed, first.receipt.state], [true, "enforced"]);
    assert.equal(await verdict(server, token), "revoked");
    const again = await end();
    assert.deepEqual([again.changed, again.receipt.seq], [false, first.receipt.seq]);
    assert.deepEqual((await end("?dryRun=true")).ends, { users: 0, sessions: 0, apps: 0, tokens: 0 });
  });

  it("is for its owner's path alone", async () => {
    const { id } = await makeTokenOf(server, "users/alice");
    for (const path of [
      `users/bob/tokens/${id}`,
      `apps/service/tokens/${id}`,
      `users/alice/tokens/${"A".repeat(22)}`,
    ])
      assert.deepEqual(refusalOf(await askTokens(server, ["DELETE", path])), [404, "unknown_token"], path);
  });

  it("is done by whoever holds it, through any client, with a receipt; what is none is answered alike", async () => {
    const { token, id } = await makeTokenOf(server, "users/alice");
    const answer = await revokeAs(server.issuer, "billing", token);
    assert.deepEqual([answer.status, answer.body], [200, ""]);
    assert.match(String(answer.headers["portcullis-receipt"]), /state=enforced/);
    assert.equal(await verdict(server, token), "revoked");
    const head = server.server.storage.log.head();
    assert.match(
      String((await revokeAs(server.issuer, "billing", token)).headers["portcullis-receipt"]),
      /seq=/,
    );
    const unknown = await revokeAs(server.issuer, "billing", madeUp());
    assert.deepEqual([unknown.status, unknown.headers["portcullis-receipt"]], [200, undefined]);
    assert.equal(server.server.storage.log.head(), head, "one line for each token");
    const read = await done(server, ["GET", `users/alice/tokens/${id}`], { scope: "tokens.read" });
    assert.deepEqual([read.active, read.reason], [false, "revoked"]);
    const nobody = await exchange(`${server.issuer}/revoke`, { body: form({ token }) });
    assert.equal(nobody.status, 400, "who is no client at all");
  });

  it("by its id, as of any token, says that it is known", async () => {
    const { id, token } = await makeTokenOf(server, "users/alice");
    const accessToken = await machineToken(
      server.issuer,
      "admin",
      `${server.issuer}/api`,
      "revocations.write",
    );
    const answer = await exchange(`${server.issuer}/revocations`, {
      body: JSON.stringify({ scope: "token", key: id, reason: "kicked" }),
      headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
    });
    assert.equal(JSON.parse(answer.body).known, true, answer.body);
    assert.equal(await verdict(server, token), "kicked");
  });
});

describe("rotating a token", () => {
  const rotate = (path: string, body: object = {}) =>
    askTokens(server, ["POST", `${path}/rotate`], { body, headers: { prefer: "wait=5" } });

  it("puts one in its place that has what it has, and ends it at once", async () => {
    const addresses = ["203.0.113.0/24"];
    const old = await makeTokenOf(server, "users/alice", { allowedAddresses: addresses });
    const { status, body } = await rotate(`users/alice/tokens/${old.id}`);
    assert.equal(status, 200, JSON.stringify(body));
    assert.equal(body.receipt.state, "enforced");
    assert.equal(body.replaces.id, old.id);
    assert.equal(await verdict(server, old.token), "replaced");
    const { scope, exp, allowed_addresses, name } = await asked(server, body.token);
    assert.deepEqual([scope, allowed_addresses, name], ["orders.read", addresses, "Nightly export"]);
    const days = (Number(exp) * 1000 - server.nowMs()) / 86_400_000;
    assert.ok(Math.abs(days - 30) < 0.1, `as long as the one of before was made for: ${days}`);
    const again = await rotate(`users/alice/tokens/${old.id}`);
    assert.deepEqual(refusalOf(again), [409, "token_over"]);
  });

  it("lets both work for as long as is asked for, and verifiers ask anew at once", async () => {
    const old = await makeTokenOf(server, "apps/service");
    const before = server.server.storage.log.head();
    const { body } = await rotate(`apps/service/tokens/${old.id}`, { overlapSeconds: 600 });
    assert.deepEqual(
      [await verdict(server, old.token), await verdict(server, body.token)],
      ["active", "active"],
    );
    const { exp, jti, rv } = await asked(server, old.token);
    assert.equal(new Date(Number(exp) * 1000).toISOString(), body.replaces.worksUntil);
    const { local } = server.server.revocations;
    const said = (horizon: number) => {
      const claims = {
        iss: server.issuer,
        sub: "service",
        iat: 0,
        exp: Number(exp),
        jti: String(jti),
        rv: horizon,
      };
      return local.verdict(local.coordinatesOf(claims, {})).outcome;
    };
    assert.deepEqual([said(before), said(Number(rv))], ["stale", "allow"]);
    assert.deepEqual(refusalOf(await rotate(`apps/service/tokens/${old.id}`)), [409, "token_over"]);
    server.advance(601_000);
    assert.deepEqual(
      [await verdict(server, old.token), await verdict(server, body.token)],
      ["replaced", "active"],
    );
  });

  it("is won by one of fifty at once", async () => {
    const old = await makeTokenOf(server, "users/alice");
    const path = `users/alice/tokens/${old.id}`;
    const working = async () =>
      (await done(server, ["GET", "users/alice/tokens?active=true&total=true"], { scope: "tokens.read" }))
        .total;
    const before = await working();
    const answers = await Promise.all(
      Array.from({ length: 50 }, () =>
        askTokens(server, ["POST", `${path}/rotate`], { body: { overlapSeconds: 60 } }),
      ),
    );
    const won = answers.filter(({ status }) => status < 300);
    assert.equal(won.length, 1);
    for (const answer of answers.filter(({ status }) => status >= 300))
      assert.deepEqual(refusalOf(answer), [409, "token_over"]);
    const read = await done(server, ["GET", path], { scope: "tokens.read" });
    assert.equal(read.rotatedTo, won[0]!.body.id);
    assert.equal(await working(), before + 1, "the losers have left none");
  });

  it("gives no permission that the owner has lost meanwhile", async () => {
    const old = await makeTokenOf(server, "users/alice", { permissions: ["orders.read", "orders.write"] });
    const ban = await done(server, ["POST", "users/alice/bans"], {
      scope: "bans.write",
      body: { scope: { api: RESOURCE, permission: "orders.write" }, reason: "test" },
    });
    const { body } = await rotate(`users/alice/tokens/${old.id}`);
    await done(server, ["DELETE", `bans/${ban.id}`], { scope: "bans.write" });
    assert.equal((await asked(server, body.token)).scope, "orders.read", "nor when it is back");
  });
});

describe("what is kept", () => {
  it("is listed page by page, the newest first, by whether it works", async () => {
    const made = [];
    for (let at = 0; at < 3; at++) {
      made.unshift((await makeTokenOf(server, "apps/shrinking2")).id);
      server.advance(1000);
    }
    await done(server, ["DELETE", `apps/shrinking2/tokens/${made[1]}`], { scope: "tokens.write" });
    const idsOf = ({ items }: { items: { id: string }[] }) => items.map(({ id }) => id);
    const page = (query: string) =>
      done(server, ["GET", `apps/shrinking2/tokens?${query}`], { scope: "tokens.read" });
    const first = await page("limit=2&total=true");
    const second = await page(`limit=2&cursor=${first.next}`);
    assert.equal(first.total, 3);
    assert.deepEqual([...idsOf(first), ...idsOf(second)], made);
    assert.equal(second.next, undefined);
    assert.deepEqual(idsOf(await page("active=false")), [made[1]]);
    assert.deepEqual(idsOf(await page("active=true")), [made[0], made[2]]);
  });

  it("says when and where a token was used last, in one write for many questions", async () => {
    const { id, token } = await makeTokenOf(server, "users/alice");
    const read = () => done(server, ["GET", `users/alice/tokens/${id}`], { scope: "tokens.read" });
    for (const address of ["198.51.100.7", "no address", "203.0.113.9"])
      await exchange(`${server.issuer}/introspect`, {
        body: form({ token }),
        headers: { authorization: basicOf("orders"), "portcullis-client-address": address },
      });
    assert.equal((await read()).lastUsedAt, undefined);
    const { units } = server.server.storage.counters;
    await server.server.prune();
    assert.ok(server.server.storage.counters.units > units);
    const { lastUsedAt, lastUsedAddress, lastUsedVia } = await read();
    assert.ok(Math.abs(Date.parse(lastUsedAt) - server.nowMs()) < 60_000);
    assert.deepEqual([lastUsedAddress, lastUsedVia], ["203.0.113.9", "orders"]);
  });

  it("is no text of a token: neither a row of any table nor a line of the log has it", async () => {
    const { token, id } = await makeTokenOf(server, "users/alice");
    await asked(server, token);
    await introspect(server.issuer, "auditor", `${token}x`);
    const { body } = await askTokens(server, ["POST", `users/alice/tokens/${id}/rotate`], {});
    await revokeAs(server.issuer, "orders", body.token);
    const rows = await everyRow(server);
    for (const text of [token, body.token]) {
      const secret = text.split("_")[2]!;
      assert.equal(server.log.join("").includes(secret), false);
      assert.equal(rows.includes(secret), false);
    }
    for (const there of [id, body.id]) assert.ok(rows.includes(there));
  });

  it("goes ninety days after its end", async () => {
    const { id } = await makeTokenOf(server, "users/alice", { expiresAt: inDays(server, 1) });
    const status = async () => (await askTokens(server, ["GET", `users/alice/tokens/${id}`])).status;
    server.advance(90 * 86_400_000);
    await server.prune();
    assert.equal(await status(), 200);
    server.advance(2 * 86_400_000);
    await server.prune();
    assert.equal(await status(), 404);
  });
});
