/** What a person does with personal tokens of the own: through an app of the operator's own, and on the account page. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { introspectedTokenSchema } from "@portcullis/protocol";
import type { Form, Page } from "@portcullis/testing/end-to-end";
import { accountApp, callAccount, forAccount, signInToAccount } from "../account/account-client.ts";
import { done } from "../api/administrator.ts";
import { ok, refresh, type SignedIn, signIn } from "../oidc/app.ts";
import { ALICE, BOB, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { asked, askTokens, startWithTokens, verdict, wantedToken } from "./tokens-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startWithTokens(({ clients, issuer }) => {
    clients.push(accountApp(issuer) as never);
  });
});
after(() => server.stop());

let alice: SignedIn;
beforeEach(async () => {
  await server.server.storage.write(({ db }) => db.deleteFrom("script_tokens").execute());
  alice = await signInToAccount(server);
});

const call = (what: readonly [string, string], body?: object, token = alice.access_token) =>
  callAccount(server.issuer, token, what, body === undefined ? {} : { body });

describe("through the account API", () => {
  it("a person makes, sees, rotates and ends tokens of the own", async () => {
    const made = await call(["POST", "/tokens"], wantedToken(server));
    assert.equal(made.status, 201, JSON.stringify(made.body));
    assert.equal(made.body.createdBy, alice.claims.sub);
    assert.equal(introspectedTokenSchema.parse(await asked(server, made.body.token)).username, "alice");
    const listed = await call(["GET", "/tokens?active=true"]);
    assert.deepEqual(
      listed.body.items.map(({ id }: { id: string }) => id),
      [made.body.id],
    );
    const rotated = await call(["POST", `/tokens/${made.body.id}/rotate`], { overlapSeconds: 60 });
    assert.equal(rotated.status, 200, JSON.stringify(rotated.body));
    assert.equal(await verdict(server, made.body.token), "active");
    const ended = await call(["DELETE", `/tokens/${rotated.body.id}`]);
    assert.deepEqual([ended.status, ended.body.changed], [200, true]);
    assert.equal(await verdict(server, rotated.body.token), "revoked");
  });

  it("is told what there may be in one, without what the person is banned from", async () => {
    const choices = async () => (await call(["GET", "/token-choices"])).body;
    assert.deepEqual(await choices(), {
      items: [
        {
          api: RESOURCE,
          name: "Orders",
          permissions: { "orders.read": "Read your orders", "orders.write": "Change your orders" },
        },
      ],
      maxLifetimeSeconds: 31_536_000,
      mayLackExpiry: false,
    });
    const scope = { api: RESOURCE, permission: "orders.write" };
    const ban = await done(server, ["POST", "users/alice/bans"], {
      scope: "bans.write",
      body: { scope, reason: "test" },
    });
    assert.deepEqual(Object.keys((await choices()).items[0].permissions), ["orders.read"]);
    await done(server, ["DELETE", `bans/${ban.id}`], { scope: "bans.write" });
  });

  it("one that was made by an administrator is the person's, and nobody sees one of somebody else", async () => {
    const { body } = await askTokens(server, ["POST", "users/alice/tokens"], { body: wantedToken(server) });
    assert.equal((await call(["GET", `/tokens/${body.id}`])).status, 200);
    const bob = await signInToAccount(server, { credentials: BOB });
    for (const what of [
      ["GET", `/tokens/${body.id}`],
      ["DELETE", `/tokens/${body.id}`],
    ] as const) {
      const answer = await call(what, undefined, bob.access_token);
      assert.deepEqual([answer.status, answer.body.code], [404, "unknown_token"], what.join(" "));
    }
    assert.deepEqual((await call(["GET", "/tokens"], undefined, bob.access_token)).body.items, []);
  });

  it("asks for a fresh sign-in to make one or to rotate it, and not to end it", async () => {
    const { body } = await call(["POST", "/tokens"], wantedToken(server));
    server.advance(6 * 60_000);
    const later = ok(
      await refresh(server.issuer, alice.refresh_token, { client_id: forAccount(server).client_id }),
    ).access_token;
    for (const what of ["/tokens", `/tokens/${body.id}/rotate`]) {
      const asking = what === "/tokens" ? wantedToken(server) : {};
      const answer = await call(["POST", what], asking, later);
      assert.equal(answer.status, 401, what);
      assert.match(
        String(answer.headers["www-authenticate"]),
        /insufficient_user_authentication.*max_age="300"/,
      );
    }
    assert.equal((await call(["DELETE", `/tokens/${body.id}`], undefined, later)).status, 200);
  });
});

describe("on the account page", () => {
  const open = () => alice.browser.open(`${server.issuer}/account/tokens`);
  function formOf(page: Page, action: string): Form {
    const found = page.forms.find((form) => form.action === action);
    assert.ok(found, `no form ${action} in ${page.body}`);
    return found;
  }
  const make = async (fill: Record<string, string>): Promise<Page> => {
    const page = await open();
    const typedIn = { name: "Backup", permission: `${RESOURCE} orders.read`, days: "30", ...fill };
    return alice.browser.submit(page, formOf(page, "/account/tokens"), { fill: typedIn });
  };

  it("is led to from the account, and says that there are none", async () => {
    assert.match((await alice.browser.open(`${server.issuer}/account`)).body, /href="\/account\/tokens"/);
    const { body } = await open();
    assert.match(body, /You have no tokens\./);
    assert.match(body, /Read your orders/);
  });

  it("a token is made with the password, shown once, and ended, without a script", async () => {
    const made = await make({
      password: ALICE.password,
      addresses: "203.0.113.7, 198.51.100.0/24 2001:db8::1",
    });
    assert.equal(made.url.pathname, "/account/tokens");
    const text = /value="(pcl_pat_[0-9A-Za-z_]+)"/.exec(made.body)?.[1];
    assert.ok(text, made.body);
    assert.match(made.body, /role="status">Backup is made\./);
    const { allowed_addresses, name } = await asked(server, text);
    assert.deepEqual(
      [allowed_addresses, name],
      [["203.0.113.7/32", "198.51.100.0/24", "2001:db8::1/128"], "Backup"],
    );
    const again = await open();
    assert.equal(again.body.includes(text), false, "a reload shows it no more");
    assert.match(again.body, /<strong>Backup<\/strong>[\s\S]*never used/);
    const ended = await alice.browser.submit(again, formOf(again, "/account/tokens/end"));
    assert.match(ended.body, /role="status">Backup has ended\./);
    assert.match(ended.body, /You have no tokens\./);
    assert.equal(await verdict(server, text), "revoked");
  });

  it("travels through the browser as nobody can read it there", async () => {
    const made = await make({ password: ALICE.password });
    const secret = /pcl_pat_([0-9A-Za-z]+)_/.exec(made.body)![1]!;
    const cookies = made.trail.flatMap(({ headers }) => headers["set-cookie"] ?? []);
    assert.ok(cookies.some((cookie) => cookie.startsWith("_notice=")));
    const read = cookies.map((cookie) =>
      cookie.replaceAll(/[\w-]{40,}/g, (text) => Buffer.from(text, "base64url").toString("latin1")),
    );
    for (const text of [...cookies, ...read]) assert.equal(text.includes(secret), false);
    for (const { headers } of made.trail.filter(({ body }) => body.includes(secret)))
      assert.equal(headers["cache-control"], "no-store");
  });

  it("says at the field what is wrong, keeps what was typed in, and makes nothing", async () => {
    const wrongs = [
      [{ password: "wrong" }, /id="password-problem">This is not your password/],
      [{ password: "" }, /id="password-problem">Enter your password/],
      [{ permission: "" }, /id="permissions-problem">Choose what the token may do/],
      [{ name: " ", password: "x" }, /id="name-problem">/],
      [{ addresses: "here", password: "x" }, /id="addresses-problem">/],
    ] as const;
    for (const [fill, expected] of wrongs) {
      const { body } = await make(fill as never);
      assert.match(body, expected);
      assert.match(body, /You have no tokens\./);
    }
    assert.match(
      (await make({ password: "wrong" })).body,
      /id="name" name="name" type="text" value="Backup"/,
    );
    const elsewhere = await make({ permission: "https://nowhere.example read", password: ALICE.password });
    assert.match(elsewhere.body, /role="alert">That cannot be in a token any more/);
  });

  it("lists what an administrator has made, and of nobody else", async () => {
    await askTokens(server, ["POST", "users/alice/tokens"], { body: wantedToken(server, { name: "<b>" }) });
    await askTokens(server, ["POST", "users/bob/tokens"], { body: wantedToken(server, { name: "Bob's" }) });
    const { body } = await open();
    assert.match(body, /<strong>&lt;b&gt;<\/strong>/);
    assert.doesNotMatch(body, /Bob/);
    const nobody = await (await signIn(server, { credentials: BOB })).browser.open(
      `${server.issuer}/account/tokens`,
    );
    assert.match(nobody.body, /Bob/);
  });
});
