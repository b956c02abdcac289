/** Users of another system: a line each, answered by a line each. And back out again. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { UserAnswer, UserImportResult } from "@portcullis/protocol";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { hashSync } from "bcryptjs";
import { machineToken, signIn } from "../oidc/app.ts";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";
import { callApi, fieldsWithProblems, outcomeOf, startForScopes } from "./call-api.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.read", "users.write"]);
});
after(() => server.stop());

const UUID = "018f2c1e-7a30-7c3e-8f53-0d2a5f0a1b2c";
const NDJSON = { "content-type": "application/x-ndjson" };

async function imported(lines: readonly unknown[]): Promise<UserImportResult[]> {
  const body = lines.map((line) => (typeof line === "string" ? line : JSON.stringify(line))).join("\n");
  const answer = await callApi(server, "users/import", {
    method: "POST",
    scope: "users.write",
    body,
    headers: NDJSON,
  });
  assert.equal(answer.status, 200, answer.body);
  return answer.body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

const resultsOf = (results: readonly UserImportResult[]) =>
  results.map(({ line, result, code }) => [line, result, code]);

async function exported(query = "", scope = "users.read") {
  const answer = await callApi(server, `users/export${query}`, { scope });
  assert.equal(answer.status, 200, answer.body);
  return answer.body
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

const CAROL = {
  sub: UUID,
  username: "carol",
  email: "carol@example.com",
  emailVerified: true,
  name: "Carol",
  locale: "en",
  profile: { givenName: "Carol", address: { locality: "Springfield" } },
  attributes: { department: "sales" },
  passwordHash: hashSync("a password of carol", 4),
  totp: [{ secret: "JBSWY3DPEHPK3PXP" }],
  upstream: [{ issuer: "https://accounts.example", subject: "1" }],
};

describe("an import", () => {
  it("makes users with their sub, their hash and what they can do, and leaves them alone when it is sent again", async () => {
    const lines = [CAROL, { username: "dave", status: "disabled" }];
    const first = await imported(lines);
    assert.deepEqual(resultsOf(first), [
      [1, "created", undefined],
      [2, "created", undefined],
    ]);
    assert.equal(first[0]!.sub, UUID);
    const carol = json<UserAnswer>(await callApi(server, "users/carol", { scope: "users.read" }));
    assert.deepEqual(
      [carol.sub, carol.origin, carol.status, carol.profile, carol.attributes],
      [UUID, "import", "active", CAROL.profile, { department: "sales" }],
    );
    const { claims } = await signIn(server, {
      credentials: { username: "carol", password: "a password of carol" },
    });
    assert.equal(claims.sub, UUID);
    const again = await imported(lines);
    assert.deepEqual(
      again.map(({ result, sub }) => [result, sub]),
      first.map(({ sub }) => ["unchanged", sub]),
    );
    assert.equal(
      json<UserAnswer>(await callApi(server, "users/dave", { scope: "users.read" })).status,
      "disabled",
    );
  });

  it("names what is wrong with a line, and goes on with the next", async () => {
    const results = await imported([
      { username: "first" },
      "{not json",
      { username: "a@b", email: "x", colour: "red" },
      { username: "costly", passwordHash: `$2b$15$${"C".repeat(53)}` },
      { username: "plain", passwordHash: "5f4dcc3b5aa765d61d8327deb882cf99" },
      "",
      { ...CAROL, name: "Another Carol" },
      { username: "other", sub: "short" },
      { email: "nobody@example.com" },
      `{"username":"long","name":"${"x".repeat(70_000)}"}`,
      { username: "last" },
    ]);
    assert.deepEqual(resultsOf(results), [
      [1, "created", undefined],
      [2, "failed", "invalid_request"],
      [3, "failed", "invalid_request"],
      [4, "failed", "invalid_request"],
      [5, "failed", "invalid_request"],
      [7, "failed", "user_differs"],
      [8, "failed", "invalid_request"],
      [9, "failed", "invalid_request"],
      [10, "failed", "invalid_request"],
      [11, "created", undefined],
    ]);
    const fields = (at: number) => results[at]!.problems!.map(({ field }) => field);
    assert.deepEqual(fields(1), ["line"]);
    assert.deepEqual(fields(2).toSorted(), ["colour", "email", "username"]);
    assert.match(results[3]!.detail!, /bcryptCost: found 15, and 14/);
    assert.match(results[5]!.detail!, /another name\b/);
    assert.doesNotMatch(JSON.stringify(results), /5f4dcc3b/, "no hash is said back");
  });

  it("gives the sub of a deleted user to nobody", async () => {
    const sub = "7c9e6679-7425-40de-944b-e07fc1f90ae7";
    await imported([{ sub, username: "gone" }]);
    await callApi(server, "users/gone", { method: "DELETE", scope: "users.write" });
    assert.deepEqual(resultsOf(await imported([{ sub, username: "gone" }])), [[1, "failed", "sub_taken"]]);
  });

  it("gives a UUID to one user, in whatever letter case it comes, and keeps the first spelling", async () => {
    const sub = "550E8400-E29B-41D4-A716-446655440000";
    const lines = [
      { sub, username: "upper" },
      { sub: sub.toLowerCase(), username: "lower" },
      { sub: sub.replace("E8400", "e8400"), username: "mixed" },
      { sub, username: "upper" },
    ];
    assert.deepEqual(resultsOf(await imported(lines)), [
      [1, "created", undefined],
      [2, "failed", "sub_taken"],
      [3, "failed", "invalid_request"],
      [4, "unchanged", undefined],
    ]);
    await callApi(server, "users/upper", { method: "DELETE", scope: "users.write" });
    const again = await imported([{ sub: sub.toLowerCase(), username: "lower" }]);
    assert.deepEqual(resultsOf(again), [[1, "failed", "sub_taken"]], "nor that of a deleted one");
  });

  it("gives the name of an app to nobody as a sub, nor that of an app that is gone", async () => {
    const [there, gone] = ["11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"];
    await server.server.storage.write(async ({ db }) => {
      const web = db.selectFrom("oidc_clients").selectAll().where("client_id", "=", "web");
      const app = await web.executeTakeFirstOrThrow();
      // Of a time when apps could still be named so.
      await db
        .insertInto("oidc_clients")
        .values({ ...app, client_id: there })
        .execute();
      const tombstone = { client_id: gone, name: "Gone", deleted_at: 1, deleted_by: "admin" };
      await db.insertInto("deleted_clients").values(tombstone).execute();
    });
    const lines = [there, gone].map((sub, at) => ({ sub, username: `app-${at}` }));
    assert.deepEqual(resultsOf(await imported(lines)), [
      [1, "failed", "sub_taken"],
      [2, "failed", "sub_taken"],
    ]);
  });

  it("makes one of a user who comes twice, also at once", async () => {
    const twice = [
      { username: "twin", name: "T" },
      { username: "twin", name: "T" },
    ];
    // Lines of one step are stored at once: either may be first.
    const results = (await imported(twice)).map(({ result }) => result);
    assert.deepEqual(results.toSorted(), ["created", "unchanged"]);
    const lines = Array.from({ length: 120 }, (_, at) => ({ username: `crowd-${at}` }));
    const both = await Promise.all([imported(lines), imported(lines)]);
    for (const at of lines.keys()) {
      assert.deepEqual(both.map((results) => results[at]!.result).toSorted(), ["created", "unchanged"]);
    }
  });

  it("takes lines and nothing else, from those who may change users", async () => {
    const call = { method: "POST", scope: "users.write", body: "{}" } as const;
    assert.deepEqual(outcomeOf(await callApi(server, "users/import", call)), [415, "invalid_request"]);
    const elsewhere = await callApi(server, "users", { ...call, headers: NDJSON });
    assert.deepEqual(outcomeOf(elsewhere), [415, "invalid_request"]);
    const reading = await callApi(server, "users/import", { ...call, scope: "users.read", headers: NDJSON });
    assert.deepEqual(outcomeOf(reading), [403, "insufficient_scope"]);
    for (const username of ["import", "export"]) {
      const answer = await callApi(server, "users", {
        method: "POST",
        scope: "users.write",
        body: { username },
      });
      assert.deepEqual(fieldsWithProblems(answer), ["username"]);
    }
  });
});

describe("an export", () => {
  it("has every user as an import takes it, and no hash unless it is asked for by who may write", async () => {
    const users = await exported();
    assert.ok(users.length > 100, "more than a page of a list");
    const names = users.map(({ username }) => String(username));
    assert.deepEqual(names, names.toSorted());
    assert.equal(new Set(names).size, names.length);
    assert.doesNotMatch(JSON.stringify(users), /\$argon2id|\$2b|JBSWY3DP/);
    const results = await imported(users.map(({ ...line }) => line));
    assert.deepEqual([...new Set(results.map(({ result }) => result))], ["unchanged"]);
    const refused = await callApi(server, "users/export?secrets=true", { scope: "users.read" });
    assert.deepEqual(outcomeOf(refused), [403, "secrets_need_write"]);
    const whole = await exported("?secrets=true", "users.read users.write");
    const carol = whole.find(({ username }) => username === "carol")!;
    assert.match(String(carol.passwordHash), /^\$argon2id\$/, "hashed anew at the sign-in");
    assert.deepEqual([carol.totp, carol.upstream, carol.passkeys], [CAROL.totp, CAROL.upstream, []]);
  });
});

describe("an import that breaks off", () => {
  it("has stored what it has answered, and goes on when it is sent again", async () => {
    const { issuer } = server;
    const token = await machineToken(issuer, "admin", `${issuer}/api`, "users.write");
    const lines = Array.from({ length: 200 }, (_, at) => `${JSON.stringify({ username: `part-${at}` })}\n`);
    const leaving = new AbortController();
    const answered = Promise.withResolvers<void>();
    const body = new ReadableStream({
      async start(controller) {
        for (const line of lines.slice(0, 100)) controller.enqueue(Buffer.from(line));
        await answered.promise;
        leaving.abort();
      },
    });
    const sending = fetch(`${issuer}/api/v1/users/import`, {
      method: "POST",
      body,
      duplex: "half",
      headers: { ...NDJSON, authorization: `Bearer ${token}` },
      signal: leaving.signal,
    } as RequestInit);
    const response = await sending;
    const reader = response.body!.getReader();
    let text = "";
    while (text.split("\n").length <= 50) text += Buffer.from((await reader.read()).value!).toString();
    answered.resolve();
    await assert.rejects(async () => {
      for (;;) if ((await reader.read()).done) return;
    });
    const results = await imported(lines.map((line) => line.trimEnd()));
    const states = results.map(({ result }) => result);
    assert.ok(
      states.slice(0, 50).every((state) => state === "unchanged"),
      "what was answered is there",
    );
    assert.equal(states.filter((state) => state === "failed").length, 0);
    assert.equal((await exchange(`${issuer}/livez`)).status > 0, true);
  });
});
