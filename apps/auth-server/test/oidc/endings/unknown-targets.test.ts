/** Nothing succeeds for nobody: a revocation of what is not there, or is spelt otherwise, is no success. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { decodeIdentifier } from "@portcullis/protocol";
import { json } from "@portcullis/testing/end-to-end";
import { revokeByApi, revokeToken, type SignedIn, signIn, verdictOf } from "../app.ts";
import { BOB, RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
let alice: SignedIn;
before(async () => {
  server = await startServer({
    change: ({ users }) =>
      users.push({ ...BOB, username: "carol", name: "Carol", email: "carol@example.com" }),
  });
  alice = await signIn(server);
});
after(() => server.stop());

const newId = () => randomBytes(16).toString("base64url");
const head = () => server.server.storage.log.head();

interface Answer {
  readonly seq: number;
  readonly state: string;
  readonly key?: unknown;
  readonly known: boolean;
  readonly repeated?: boolean;
  readonly error?: string;
  readonly error_description?: string;
  readonly problems?: readonly { readonly field: string; readonly message: string }[];
}

async function revoke(body: Record<string, unknown>): Promise<Answer & { readonly status: number }> {
  const answer = await revokeByApi(server, body);
  return { ...json<Answer>(answer), status: answer.status };
}

/** As people copy them. */
const MISSPELT: Readonly<Record<string, (id: string) => string>> = {
  "a space after it": (id) => `${id} `,
  "a newline after it": (id) => `${id}\n`,
  "a space before it": (id) => ` ${id}`,
  padding: (id) => `${id}==`,
  "another case": (id) => (id === id.toLowerCase() ? id.toUpperCase() : id.toLowerCase()),
  "trailing bits that mean nothing": (id) => id.slice(0, -1) + String.fromCharCode(id.charCodeAt(21) + 1),
  "too few characters": (id) => id.slice(1),
};

describe("an id of ours in another spelling", () => {
  for (const [what, misspell] of Object.entries(MISSPELT)) {
    it(`is refused, and nothing is written: ${what}`, async () => {
      const { sid, gid, jti } = alice.claims;
      const before = head();
      for (const [scope, id] of [
        ["session", sid],
        ["grant", gid],
        ["token", jti],
      ] as const) {
        const key = misspell(id);
        // In our form, and so it may be one, for all that anybody knows.
        if (scope === "token" && decodeIdentifier(key) !== undefined) continue;
        const { status, problems, error } = await revoke({ scope, key });
        if (status === 404) assert.equal(error, `unknown_${scope}`);
        else {
          assert.equal(status, 400);
          assert.equal(problems![0]!.field, "key");
          assert.ok(problems![0]!.message.includes(JSON.stringify(key)), problems![0]!.message);
          assert.match(problems![0]!.message, /22 characters/);
        }
      }
      assert.equal(head(), before);
      assert.equal(verdictOf(server, alice.access_token), "allow");
    });
  }
});

describe("a key with two things wrong around it", () => {
  it("is named with them, all at once", async () => {
    const { problems } = await revoke({ scope: "session", key: "x", mode: "no" });
    assert.deepEqual(problems!.map(({ field }) => field).sort(), ["key", "mode"]);
  });
});

describe("what nobody here knows", () => {
  const cases: readonly (readonly [body: Record<string, unknown>, code: string])[] = [
    [{ scope: "subject", key: "nobody" }, "unknown_subject"],
    [{ scope: "subject", key: newId() }, "unknown_subject"],
    [{ scope: "subject", key: "nobody@example.com" }, "unknown_subject"],
    [{ scope: "session", key: newId() }, "unknown_session"],
    [{ scope: "session", key: newId(), mode: "stale" }, "unknown_session"],
    [{ scope: "grant", key: newId() }, "unknown_grant"],
    [{ scope: "client", key: "nobody" }, "unknown_client"],
    [{ scope: "client", key: "WEB" }, "unknown_client"],
    [{ scope: "subject-client", key: { subject: "nobody", client: "web" } }, "unknown_subject"],
    [{ scope: "subject-client", key: { subject: "alice", client: "nobody" } }, "unknown_client"],
    [{ scope: "subject-audience", key: { subject: "nobody", audience: RESOURCE } }, "unknown_subject"],
    [{ scope: "subject-audience", key: { subject: "alice", audience: "nothing" } }, "unknown_audience"],
    [
      { scope: "subject-organization", key: { subject: "alice", organization: "acme" } },
      "unknown_organization",
    ],
    [{ scope: "audience", key: `${RESOURCE}/` }, "unknown_audience"],
    [{ scope: "key", key: "no-such-kid" }, "unknown_key"],
    [{ scope: "organization", key: "acme" }, "unknown_organization"],
  ];
  for (const [body, code] of cases) {
    it(`is ${code}: ${JSON.stringify(body.key)} as ${body.scope}`, async () => {
      const before = head();
      const { status, error, error_description } = await revoke(body);
      assert.deepEqual([status, error], [404, code]);
      assert.match(error_description!, /foreign/);
      assert.equal(head(), before);
    });
  }
});

describe("a user", () => {
  it("may be named by sub, username or e-mail, and the answer says which sub that is", async () => {
    const device = await signIn(server, { credentials: { ...BOB, username: "carol" } });
    const { sub } = device.claims;
    for (const key of [sub, "carol", "Carol", "carol@example.com", "CAROL@example.com"]) {
      const answer = await revoke({ scope: "subject", key, mode: "stale" });
      assert.deepEqual([answer.status, answer.key, answer.known], [200, sub, true], key);
    }
    const pair = await revoke({ scope: "subject-client", key: { subject: "carol", client: "web" } });
    assert.deepEqual(pair.key, { subject: sub, client: "web" });
    const api = await revoke({ scope: "subject-audience", key: { subject: "carol", audience: RESOURCE } });
    assert.deepEqual([api.key, api.known], [{ subject: sub, audience: RESOURCE }, true]);
    assert.equal(verdictOf(server, device.access_token), "revoked");
  });

  it("whose e-mail is what another one is called, from before names had rules, is not guessed at", async () => {
    const { storage } = server.server;
    const set = (username_key: string) =>
      storage.write(({ db }) =>
        db.updateTable("users").set({ username_key }).where("username", "=", "bob").execute(),
      );
    await set("carol@example.com");
    const { status, error, error_description } = await revoke({ scope: "subject", key: "carol@example.com" });
    assert.deepEqual([status, error], [409, "ambiguous_user"]);
    assert.match(error_description!, /sub/);
    await set("bob");
  });
});

describe("a client that acts for itself", () => {
  it("is a subject too, and not taken for a user of the same name", async () => {
    const answer = await revoke({ scope: "subject", key: "service" });
    assert.deepEqual([answer.status, answer.key], [200, "service"]);
    const { storage } = server.server;
    const rename = (from: string, to: string) =>
      storage.write(({ db }) =>
        db.updateTable("users").set({ username_key: to }).where("username_key", "=", from).execute(),
      );
    await rename("bob", "service");
    const { status, error } = await revoke({ scope: "subject", key: "service" });
    assert.deepEqual([status, error], [409, "ambiguous_user"]);
    await rename("service", "bob");
  });
});

describe("what has ended already", () => {
  it("repeats its receipt, and writes nothing", async () => {
    const device = await signIn(server);
    const { sid, gid, jti } = device.claims;
    for (const [scope, key] of [
      ["token", jti],
      ["grant", gid],
      ["session", sid],
    ] as const) {
      const first = await revoke({ scope, key });
      assert.equal(first.repeated, undefined);
      const again = await revoke({ scope, key });
      assert.deepEqual([again.status, again.seq, again.repeated], [200, first.seq, true], scope);
    }
  });

  it("together with what it hung below is not unknown", async () => {
    const device = await signIn(server);
    const { seq } = await revoke({ scope: "subject", key: device.claims.sub });
    const before = head();
    for (const [scope, key] of [
      ["grant", device.claims.gid],
      ["session", device.claims.sid],
    ] as const) {
      const again = await revoke({ scope, key });
      assert.deepEqual([again.status, again.seq, again.repeated], [200, seq, true], scope);
    }
    assert.equal(head(), before);
  });

  it("is known for as long as a token of it could live, its record pruned or not", async () => {
    const device = await signIn(server);
    const { gid, sid } = device.claims;
    await revoke({ scope: "grant", key: gid });
    await revoke({ scope: "session", key: sid });
    await server.server.storage.write(({ db }) => db.deleteFrom("revocations").execute());
    for (const [scope, key] of [
      ["grant", gid],
      ["session", sid],
    ] as const) {
      const again = await revoke({ scope, key });
      assert.deepEqual([again.status, again.state, again.repeated], [200, "enforced", true], scope);
    }
    alice = await signIn(server);
  });
});

describe("a raw jti of ours", () => {
  it("is taken, and the answer says that nobody knows whether it exists", async () => {
    const answer = await revoke({ scope: "token", key: newId() });
    assert.deepEqual([answer.status, answer.state, answer.known], [200, "enforced", false]);
  });
});

describe("what another issuer made", () => {
  it("is taken as it is when it is said to be foreign", async () => {
    for (const [scope, key] of [
      ["session", "their session "],
      ["subject", "alice"],
      ["organization", "acme"],
      ["subject-client", { subject: "them", client: "their-app" }],
      ["subject-audience", { subject: "them", audience: "their-api" }],
      ["subject-organization", { subject: "them", organization: "acme" }],
    ] as const) {
      const answer = await revoke({ scope, key, foreign: true });
      assert.deepEqual([answer.status, answer.key, answer.known], [200, key, false], scope);
    }
    const { problems } = await revoke({ scope: "issuer", foreign: true });
    assert.equal(problems![0]!.field, "foreign");
  });
});

describe("RFC 7009", () => {
  it("keeps its 200 for a token that nobody knows", async () => {
    const before = head();
    assert.equal((await revokeToken(server.issuer, "no-such-token")).status, 200);
    assert.equal(head(), before);
  });
});

describe("a reason that claims a lasting state", () => {
  it("is refused while the state is another, with what to do instead", async () => {
    const { sub } = alice.claims;
    for (const [body, remedy] of [
      [{ scope: "client", key: "web", reason: "client_disabled" }, /portcullis apps disable web/],
      [{ scope: "subject", key: sub, reason: "banned" }, /portcullis bans add/],
      [{ scope: "subject", key: "alice", reason: "user_disabled" }, /portcullis users disable/],
      [{ scope: "subject", key: sub, reason: "account_deleted" }, /portcullis users disable/],
    ] as const) {
      const { status, error, error_description } = await revoke(body);
      assert.deepEqual([status, error], [409, "reason_not_true"], JSON.stringify(body));
      assert.match(error_description!, remedy);
    }
    for (const scope of ["session", "issuer"]) {
      const { problems } = await revoke({
        scope,
        key: scope === "session" ? alice.claims.sid : undefined,
        reason: "banned",
      });
      assert.equal(problems![0]!.field, "reason");
    }
    assert.equal(verdictOf(server, alice.access_token), "allow");
  });
});
