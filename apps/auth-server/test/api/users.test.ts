/** Users over the API: made, found, changed, given passwords, deleted. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { UserAnswer, UserList } from "@portcullis/protocol";
import { type Exchange, json } from "@portcullis/testing/end-to-end";
import { assertRefused, refresh, signIn, verdictOf } from "../oidc/app.ts";
import { ALICE, BOB, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { REFUSED, SIGNED_IN, Visitor, WAIT } from "../sign-in/visitor.ts";
import { type ApiCall, callApi, fieldsWithProblems, outcomeOf, startForScopes } from "./call-api.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startForScopes(["users.read", "users.write"]);
});
after(() => server.stop());

const read = (path: string) => callApi(server, path, { scope: "users.read" });
const write = (path: string, call: Omit<ApiCall, "scope"> = {}) =>
  callApi(server, path, { method: "POST", scope: "users.write", ...call });
const made = async (body: object): Promise<UserAnswer> => {
  const answer = await write("users", { body });
  assert.equal(answer.status, 201, answer.body);
  return json<UserAnswer>(answer);
};
const found = async (query: string): Promise<(string | undefined)[]> => {
  const answer = await read(`users?${query}`);
  assert.equal(answer.status, 200, answer.body);
  return json<UserList>(answer).items.map(({ username, email }) => username ?? email);
};

describe("a new user", () => {
  it("is answered as it is kept, signs in, and is found by sub, username and verified address", async () => {
    const answer = await write("users", {
      body: {
        username: "Carol",
        email: "Carol@Example.com",
        emailVerified: true,
        name: "Carol Example",
        picture: "https://example.com/carol.png",
        locale: "pt-BR",
        attributes: { department: "sales", level: 3 },
        password: "a password of carol",
      },
    });
    assert.equal(answer.status, 201, answer.body);
    const user = json<UserAnswer>(answer);
    assert.equal(answer.headers.location, `/api/v1/users/${user.sub}`);
    assert.equal(answer.headers.etag, '"1"');
    const { sub, createdAt, changedAt, ...rest } = user;
    assert.deepEqual(rest, {
      username: "Carol",
      email: "Carol@Example.com",
      emailVerified: true,
      name: "Carol Example",
      picture: "https://example.com/carol.png",
      locale: "pt-BR",
      attributes: { department: "sales", level: 3 },
      status: "active",
      hasPassword: true,
      mustChangePassword: false,
      origin: "api",
    });
    assert.equal(createdAt, changedAt);
    for (const name of [sub, "carol", "CAROL", "carol@example.com"]) {
      const same = await read(`users/${encodeURIComponent(name)}`);
      assert.deepEqual(json(same), { ...user, roles: [], standingBans: [] }, name);
    }
    const signedIn = await signIn(server, {
      credentials: { username: "carol", password: "a password of carol" },
    });
    assert.equal(signedIn.claims.sub, sub);
    const byAddress = { username: "carol@example.COM", password: "a password of carol" };
    assert.equal((await signIn(server, { credentials: byAddress })).claims.sub, sub);
  });

  it("may have an address and no username, and no password, and then cannot sign in by one", async () => {
    const user = await made({ email: "dora@example.com", emailVerified: true });
    assert.deepEqual([user.username, user.hasPassword], [undefined, false]);
    const visitor = await Visitor.arrive(server, "192.0.2.1");
    assert.equal((await visitor.try({ username: "dora@example.com", password: "" })).status, REFUSED);
    assert.equal(
      (await visitor.try({ username: "dora@example.com", password: "anything at all" })).status,
      REFUSED,
    );
  });

  it("is refused with every problem at once, each with its field", async () => {
    const answer = await write("users", {
      body: { username: "a@b", email: "nobody", picture: "javascript:alert(1)", password: "short", more: 1 },
    });
    assert.deepEqual(outcomeOf(answer), [400, "invalid_request"]);
    assert.deepEqual(fieldsWithProblems(answer), ["email", "more", "password", "picture", "username"]);
    assert.deepEqual(fieldsWithProblems(await write("users", { body: { name: "Nobody" } })), ["username"]);
    const large = { username: "large", attributes: { text: "x".repeat(9000) } };
    assert.deepEqual(fieldsWithProblems(await write("users", { body: large })), ["attributes"]);
    const unverifiable = { username: "unverifiable", emailVerified: true };
    assert.deepEqual(fieldsWithProblems(await write("users", { body: unverifiable })), ["emailVerified"]);
  });

  it("has a name that leads to nobody else", async () => {
    await made({ username: "renamed" });
    for (const [username, why] of [
      ["AAAAAAAAAAAAAAAAAAAAAA", "a sub"],
      ["018f2c1e-7a30-7c3e-8f53-0d2a5f0a1b2c", "a UUID, as other systems have subs"],
      ["two words", "RFC 8265 has no spaces"],
      ["al\u200bice", "what is not seen"],
      ["rock☆star", "a sign that is none of ASCII's"],
      ["ﬁona", "a ligature: its parts are another spelling"],
      ["abcאבג", "both directions"],
      ["alice\uff20x.example", "an e-mail address, with a wide @"],
      ["alice\ufe6bx.example", "and a small one"],
      ["０１８ｆ２ｃ１ｅ-7a30-7c3e-8f53-0d2a5f0a1b2c", "a UUID, in wide digits"],
      ["Ａbcdefghijklmnopqrstuv", "a sub that begins wide"],
      ["ｉｍｐｏｒｔ", "a word of the API, wide"],
      [".", "a step of a path"],
      ["..", "a step of a path"],
      ["．．", "a step of a path, wide"],
    ] as const) {
      assert.deepEqual(fieldsWithProblems(await write("users", { body: { username } })), ["username"], why);
      const patch = { method: "PATCH", body: { username } };
      assert.deepEqual(fieldsWithProblems(await write("users/renamed", patch)), ["username"], why);
      const line = {
        body: JSON.stringify({ username }),
        headers: { "content-type": "application/x-ndjson" },
      };
      const { body } = await write("users/import", line);
      assert.match(body, /"problems":\[\{"field":"username"/, why);
    }
    for (const username of ["zoë", "алиса", "山田", "o'neil.3_x-y+z", "אבג1"]) {
      assert.equal((await made({ username })).username, username);
    }
    assert.deepEqual(outcomeOf(await write("users", { body: { username: "ＡＬＩＣＥ" } })), [
      409,
      "username_taken",
    ]);
    assert.deepEqual(outcomeOf(await write("users", { body: { username: "ZOE\u0308" } })), [
      409,
      "username_taken",
    ]);
  });

  it("is found by its name whatever ASCII sign is in it", async () => {
    for (const username of ["sign/b", "sign%2fb", "sign?b#c", "sign\\b;c", "sign/../b", "sign..."]) {
      const { sub } = await made({ username });
      assert.equal(json<UserAnswer>(await read(`users/${encodeURIComponent(username)}`)).sub, sub, username);
    }
  });

  it("is refused when it is nested deeper than anybody reads", async () => {
    const nested = (levels: number) => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);
    const { username } = await made({ username: "nested", attributes: nested(31) });
    for (const levels of [32, 1300]) {
      const body = { attributes: nested(levels) };
      for (const answer of [
        await write("users", { body: { username: "deep", ...body } }),
        await write(`users/${username}`, { method: "PATCH", body }),
      ]) {
        assert.deepEqual(outcomeOf(answer), [400, "invalid_request"]);
        assert.deepEqual(fieldsWithProblems(answer), [["attributes", ..."a".repeat(31)].join(".")]);
      }
      const line = JSON.stringify({ username: "deep", ...body });
      const headers = { "content-type": "application/x-ndjson" };
      assert.match((await write("users/import", { body: line, headers })).body, /"code":"invalid_request"/);
    }
  });

  it("reserves an address only when it is verified, and is named by it only then", async () => {
    await made({ username: "erin", email: "shared@example.com" });
    await made({ username: "erik", email: "shared@example.com" });
    assert.deepEqual(outcomeOf(await read("users/shared%40example.com")), [404, "unknown_subject"]);
    await made({ username: "owner", email: "shared@example.com", emailVerified: true });
    assert.equal(json<UserAnswer>(await read("users/SHARED%40example.com")).username, "owner");
    const second = { username: "second", email: "Shared@example.com", emailVerified: true };
    assert.deepEqual(outcomeOf(await write("users", { body: second })), [409, "email_taken"]);
    const patch = { method: "PATCH", body: { emailVerified: true } };
    assert.deepEqual(outcomeOf(await write("users/erin", patch)), [409, "email_taken"]);
    const visitor = await Visitor.arrive(server, "192.0.2.2");
    assert.equal((await visitor.try({ username: "shared@example.com", password: "x" })).status, REFUSED);
  });

  it("is one of two that are made at once with one name", async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, () => write("users", { body: { username: "twin" } })),
    );
    const outcomes = answers.map((answer) => answer.status).toSorted();
    assert.deepEqual(outcomes, [201, ...Array.from({ length: 7 }, () => 409)]);
  });
});

describe("the list of users", () => {
  before(async () => {
    for (const at of [3, 1, 2]) {
      await made({ username: `list-${at}`, email: `list-${at}@lists.example`, name: `Pat ${at}` });
    }
    await write("users/list-2/disable");
  });

  it("is searched by the beginning of username, address and name, each user once", async () => {
    assert.deepEqual(await found("q=LIST-"), ["list-1", "list-2", "list-3"]);
    assert.deepEqual(await found("q=pat%203"), ["list-3"]);
    assert.deepEqual(await found("q=list-1%40lists"), ["list-1"]);
    assert.deepEqual(await found("q=ists"), [], "not in the middle");
    assert.deepEqual(await found("q=%25"), [], "a sign is a sign");
    assert.deepEqual(await found("q=list-&status=disabled"), ["list-2"]);
    assert.deepEqual(await found("q=list-&status=active"), ["list-1", "list-3"]);
    assert.deepEqual(await found("status=disabled"), ["list-2"]);
  });

  it("comes in pages that leave nobody out, with a total", async () => {
    for (const query of ["", "q=list", "q=pat", "status=active"]) {
      const whole = await found(query);
      const paged: (string | undefined)[] = [];
      let next: string | undefined;
      do {
        const cursor = next === undefined ? "" : `&cursor=${next}`;
        const page = json<UserList>(await read(`users?${query}&limit=2&total=true${cursor}`));
        assert.equal(page.total, whole.length);
        paged.push(...page.items.map(({ username, email }) => username ?? email));
        next = page.next;
      } while (next !== undefined);
      assert.deepEqual(paged, whole, query);
    }
    assert.deepEqual((await found("")).slice(0, 2), ["alice", "bob"], "by name");
  });

  it("shows a change at once, and a deleted user no more", async () => {
    await made({ username: "passing", name: "Quinn" });
    await write("users/passing", { method: "PATCH", body: { name: "Rory", username: "staying" } });
    assert.deepEqual(
      [await found("q=quinn"), await found("q=passing"), await found("q=rory")],
      [[], [], ["staying"]],
    );
    await write("users/staying", { method: "DELETE" });
    assert.deepEqual(await found("q=rory"), []);
  });
});

describe("a change of a user", () => {
  it("sets what it has, takes away what is null, and leaves the rest", async () => {
    const { sub } = await made({ username: "frank", name: "Frank", attributes: { a: 1, b: { c: 2 } } });
    const answer = await write(`users/${sub}`, {
      method: "PATCH",
      headers: { "content-type": "application/merge-patch+json" },
      body: { name: null, locale: "en", attributes: { b: { d: 3 }, a: null } },
    });
    const { name, locale, attributes, username } = json<UserAnswer>(answer);
    assert.deepEqual([name, locale, attributes, username], [undefined, "en", { b: { c: 2, d: 3 } }, "frank"]);
    assert.deepEqual(outcomeOf(await write("users/frank", { method: "PATCH", body: { username: null } })), [
      400,
      "invalid_request",
    ]);
  });

  it("makes a changed address one that is not verified", async () => {
    await made({ username: "gina", email: "gina@example.com", emailVerified: true });
    const answer = await write("users/gina", { method: "PATCH", body: { email: "gina@other.example" } });
    assert.equal(json<UserAnswer>(answer).emailVerified, false);
  });

  it("changes what apps may be told member by member, and makes a changed number one that is not verified", async () => {
    const address = { locality: "Springfield", country: "US" };
    const profile = { nickname: "Gus", phoneNumber: "+14255551212", phoneNumberVerified: true, address };
    const created = await made({ username: "gus", profile });
    assert.deepEqual(created.profile, profile);
    const patch = { nickname: null, phoneNumber: "+14255551213", address: { country: null } };
    const answer = await write("users/gus", { method: "PATCH", body: { profile: patch } });
    assert.deepEqual(json<UserAnswer>(answer).profile, {
      phoneNumber: "+14255551213",
      address: { locality: "Springfield" },
    });
    const cleared = await write("users/gus", { method: "PATCH", body: { profile: null } });
    assert.equal(json<UserAnswer>(cleared).profile, undefined);
  });

  it("is refused where OpenID Connect could not tell what it says", async () => {
    const profile = {
      givenName: "",
      birthdate: "1.4.1990",
      zoneinfo: "Europe/",
      website: "javascript:alert(1)",
      phoneNumber: "0123",
      address: { planet: "Mars" },
    };
    const answer = await write("users", { body: { username: "heinz", profile } });
    assert.deepEqual(
      fieldsWithProblems(answer),
      ["address.planet", "birthdate", "givenName", "phoneNumber", "website", "zoneinfo"].map(
        (field) => `profile.${field}`,
      ),
    );
    const unverifiable = { username: "heinz", profile: { phoneNumberVerified: true } };
    assert.deepEqual(fieldsWithProblems(await write("users", { body: unverifiable })), [
      "profile.phoneNumberVerified",
    ]);
  });

  it("is refused to whoever has not seen the newest version; of many at once one is made", async () => {
    const { sub } = await made({ username: "hana" });
    const change = (name: string) =>
      write(`users/${sub}`, { method: "PATCH", body: { name }, headers: { "if-match": '"1"' } });
    const answers = await Promise.all(["one", "two", "three", "four"].map(change));
    assert.deepEqual(answers.map(({ status }) => status).toSorted(), [200, 412, 412, 412]);
    assert.equal(answers.find(({ status }) => status === 200)!.headers.etag, '"2"');
    assert.equal((await read(`users/${sub}`)).headers.etag, '"2"');
    await write(`users/${sub}/disable`);
    assert.equal((await read(`users/${sub}`)).headers.etag, '"3"');
  });
});

describe("a password that is set", () => {
  it("ends every session and token of the user, and is the one that counts", async () => {
    const user = { username: "ivan", password: "a password of ivan" };
    await made(user);
    const device = await signIn(server, { credentials: user });
    const answer = await write("users/ivan/password", {
      body: { password: "another password" },
      headers: { prefer: "wait=2" },
    });
    assert.equal(answer.status, 200, answer.body);
    const { receipt, ...state } = json<{ receipt: { state: string } }>(answer);
    assert.deepEqual(state, { sub: device.claims.sub, username: "ivan", status: "active", changed: true });
    assert.equal(receipt.state, "enforced");
    assert.equal(verdictOf(server, device.access_token), "password_changed");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    const visitor = await Visitor.arrive(server, "192.0.2.3");
    assert.equal((await visitor.try(user)).status, REFUSED);
    await signIn(server, { credentials: { ...user, password: "another password" } });
    const kept = json<UserAnswer>(await read("users/ivan"));
    assert.ok(kept.passwordChangedAt);
  });

  it("has 8 to 1,024 characters, none of control, and is not white space alone; nor is a first one", async () => {
    for (const password of ["1234567", "x".repeat(1025), " ".repeat(8), "pass\u0000word-x"]) {
      const answer = await write("users/bob/password", { body: { password } });
      assert.deepEqual(fieldsWithProblems(answer), ["password"]);
      const created = await write("users", { body: { username: "unfit", password } });
      assert.deepEqual(fieldsWithProblems(created), ["password"]);
    }
    await signIn(server, { credentials: BOB });
  });
});

describe("a user who is deleted", () => {
  it("is gone with all that hangs below, and the sub is given to nobody", async () => {
    const user = { username: "judy", password: "a password of judy" };
    const { sub } = await made(user);
    const device = await signIn(server, { credentials: user });
    const answer = await write("users/judy?note=left", { method: "DELETE", headers: { prefer: "wait=2" } });
    assert.equal(answer.status, 200, answer.body);
    const { receipt, ...state } = json<{ receipt: { seq: number; state: string } }>(answer);
    assert.deepEqual(state, { sub, username: "judy", status: "deleted", changed: true });
    assert.equal(receipt.state, "enforced");
    assert.equal(verdictOf(server, device.access_token), "account_deleted");
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    assert.deepEqual(outcomeOf(await read(`users/${sub}`)), [404, "unknown_subject"]);
    assert.deepEqual(outcomeOf(await write("users/judy", { method: "DELETE" })), [404, "unknown_subject"]);
    const again = json<{ changed: boolean; receipt: { seq: number } }>(
      await write(`users/${sub}`, { method: "DELETE" }),
    );
    assert.deepEqual(
      [again.changed, again.receipt.seq],
      [false, receipt.seq],
      "repeated, it is the same receipt",
    );
    const { read: db } = server.server.storage;
    for (const table of ["oidc_consents", "oidc_grants"] as const) {
      assert.deepEqual(
        await db.selectFrom(table).selectAll().where("account_id", "=", sub).execute(),
        [],
        table,
      );
    }
    assert.deepEqual(
      await db.selectFrom("known_places").selectAll().where("user_id", "=", sub).execute(),
      [],
    );
    const renewed = await made(user);
    assert.notEqual(renewed.sub, sub, "the name is free, and stands for somebody else");
    const { people, storage } = server.server;
    const taking = storage.write((transaction) =>
      people.users.create(transaction, {
        sub,
        username: "thief",
        emailVerified: false,
        profile: {},
        attributes: {},
        mustChangePassword: false,
        passwordHash: null,
        origin: "import",
      }),
    );
    await assert.rejects(taking, { code: "sub_taken" });
  });

  it("is not deleted by a call that asks for something it does not know", async () => {
    await made({ username: "kept" });
    const answer = await write("users/kept?dry_run=true", { method: "DELETE" });
    assert.deepEqual(outcomeOf(answer), [400, "invalid_request"]);
    assert.equal((await read("users/kept")).status, 200);
  });

  it("of the configuration file is not made again by the next start", async () => {
    await write("users/bob", { method: "DELETE" });
    await server.restart();
    assert.deepEqual(outcomeOf(await read("users/bob")), [404, "unknown_subject"]);
  });
});

describe("a user who has to wait for what somebody guessed", () => {
  it("need not any more once unlocked", async () => {
    const visitor = await Visitor.arrive(server, "192.0.2.4");
    let waiting = 0;
    // A slow machine lets the first short blocks pass; each is longer than the one before.
    for (let guess = 0; guess < 20 && waiting !== WAIT; guess++) waiting = (await visitor.guess()).status;
    assert.equal(waiting, WAIT);
    const unlocked = json<{ changed: boolean }>(await write("users/ALICE/unlock"));
    assert.equal(unlocked.changed, true);
    assert.equal((await visitor.try(ALICE)).status, SIGNED_IN);
    assert.equal(json<{ changed: boolean }>(await write("users/alice/unlock")).changed, false);
  });
});

describe("the API of users", () => {
  it("asks for users.read to see, and for users.write to change", async () => {
    const calls: [string, ApiCall][] = [
      ["users", { scope: "users.write" }],
      ["users/alice", { scope: "users.write" }],
      ["users", { scope: "users.read", method: "POST", body: { username: "no" } }],
      ["users/alice", { scope: "users.read", method: "PATCH", body: {} }],
      ["users/alice", { scope: "users.read", method: "DELETE" }],
      ["users/alice/password", { scope: "users.read", method: "POST", body: { password: "a new password" } }],
      ["users/alice/unlock", { scope: "users.read", method: "POST" }],
    ];
    for (const [path, call] of calls) {
      const answer: Exchange = await callApi(server, path, call);
      assert.deepEqual(outcomeOf(answer), [403, "insufficient_scope"], `${call.method} ${path}`);
    }
  });
});
