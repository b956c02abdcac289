import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { INTROSPECTS_HEADER } from "@portcullis/protocol";
import { challengeOf, exchange, json } from "@portcullis/testing/end-to-end";
import { storageError } from "../../../src/storage/errors.ts";
import {
  assertRefused,
  begin,
  form,
  introspect,
  machineToken,
  ok,
  refresh,
  revokeByApi,
  revokeToken,
  signIn,
  token,
  verdictOf,
  withBrokenLog,
} from "../app.ts";
import {
  basicOf,
  OTHER_RESOURCE,
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

/** The last character holds two unused bits: another spelling of the same signature for a lax decoder. */
function respelled(jwt: string): string {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  const last = alphabet.indexOf(jwt.at(-1)!);
  return jwt.slice(0, -1) + alphabet[last ^ 1];
}

describe("revoking one access token again and again", () => {
  it("writes one line, and gives a receipt each time", async () => {
    const { access_token } = await signIn(server);
    const before = server.server.storage.log.head();
    for (let round = 0; round < 3; round++) {
      const answer = await revokeToken(server.issuer, access_token);
      assert.equal(answer.status, 200);
      assert.match(String(answer.headers["portcullis-receipt"]), /state=enforced/);
    }
    assert.equal(server.server.storage.log.head(), before + 1);
  });

  it("answers with the same type for each kind of token, and for none", async () => {
    const { access_token, refresh_token } = await signIn(server);
    for (const value of [access_token, refresh_token, "pcl_pat_no", "no token"]) {
      const { status, headers, body } = await revokeToken(server.issuer, value);
      assert.deepEqual(
        [status, headers["content-type"], body],
        [200, "application/json; charset=utf-8", ""],
        value,
      );
    }
  });

  it("ends a token that is only stale", async () => {
    const { access_token, claims } = await signIn(server);
    await revokeByApi(server, { scope: "session", key: claims.sid, mode: "stale" });
    await revokeToken(server.issuer, access_token);
    assert.equal(verdictOf(server, access_token), "revoked");
  });
});

describe("while the store is down", () => {
  it("what must be stored is answered with 503 and when to try again, and holds nothing", async () => {
    const { access_token, refresh_token } = await signIn(server);
    const { storage } = server.server;
    const { write } = storage;
    storage.write = () => Promise.reject(storageError("storage_unavailable"));
    try {
      const answers = [
        await refresh(server.issuer, refresh_token),
        await revokeToken(server.issuer, refresh_token),
        await exchange(`${server.issuer}/par`, { body: begin(server.issuer).url.searchParams }),
      ];
      for (const answer of answers) {
        assertRefused(answer, "temporarily_unavailable", 503);
        assert.equal(answer.headers["retry-after"], "1");
        assert.match(String(answer.headers["access-control-expose-headers"]), /Retry-After/);
      }
      const page = await exchange(begin(server.issuer).url, { headers: { accept: "text/html" } });
      assert.equal(page.status, 503);
      assert.match(page.body, /Something went wrong on our side/);
    } finally {
      storage.write = write;
    }
    assert.equal(verdictOf(server, access_token), "allow");
    ok(await refresh(server.issuer, refresh_token));
  });
});

describe("client credentials", () => {
  it("give a token for the resource, with a horizon and no session", async () => {
    const value = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    assert.deepEqual(await pick(value, ["client_id", "sub", "aud", "scope", "sid"]), {
      client_id: "service",
      sub: "service",
      aud: RESOURCE,
      scope: "orders.read",
      sid: undefined,
    });
    assert.equal(typeof (await pick(value, ["rv"])).rv, "number");
  });

  it("leave out scopes that the client is not configured for", async () => {
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read orders.write" },
      { authorization: basicOf("service") },
    );
    assert.equal(ok(answer).scope, "orders.read");
  });

  it("are refused for a resource that is not the client's", async () => {
    const answer = await token(
      server.issuer,
      { grant_type: "client_credentials", resource: OTHER_RESOURCE, scope: "bills.read" },
      { authorization: basicOf("service") },
    );
    assertRefused(answer, "invalid_target");
  });

  it("are refused with a wrong secret", async () => {
    const authorization = `Basic ${Buffer.from("service:wrong-secret-wrong-secret").toString("base64")}`;
    assertRefused(
      await token(server.issuer, { grant_type: "client_credentials" }, { authorization }),
      "invalid_client",
      401,
    );
  });

  it("are refused with the stored hash as the secret", async () => {
    const { secret_hash } = await server.server.storage.read
      .selectFrom("client_secrets")
      .select("secret_hash")
      .where("client_id", "=", "service")
      .executeTakeFirstOrThrow();
    const hash = Buffer.from(secret_hash).toString("hex");
    const authorization = `Basic ${Buffer.from(`service:${hash}`).toString("base64")}`;
    assertRefused(
      await token(server.issuer, { grant_type: "client_credentials" }, { authorization }),
      "invalid_client",
      401,
    );
  });
});

async function pick(jwt: string, names: string[]): Promise<Record<string, unknown>> {
  const claims = JSON.parse(Buffer.from(jwt.split(".")[1]!, "base64url").toString("utf8"));
  return Object.fromEntries(names.map((name) => [name, claims[name]]));
}

describe("revoking a JWT access token (RFC 7009)", () => {
  it("ends that token alone, with a receipt in a header and the standard body", async () => {
    const { access_token, refresh_token } = await signIn(server);
    const answer = await revokeToken(server.issuer, access_token, { prefer: "wait=2" });
    assert.deepEqual([answer.status, answer.body], [200, ""]);
    assert.match(
      String(answer.headers["portcullis-receipt"]),
      /^seq=\d+, state=enforced, acked=0, leased=0$/,
    );
    assert.equal(verdictOf(server, access_token), "revoked");
    assert.equal(verdictOf(server, ok(await refresh(server.issuer, refresh_token)).access_token), "allow");
  });

  it("is refused to a client that it was not issued to, public or confidential", async () => {
    const { access_token } = await signIn(server);
    for (const headers of [{ authorization: basicOf("service") }, {}]) {
      const body = form({
        token: access_token,
        ...("authorization" in headers ? {} : { client_id: "other" }),
      });
      assertRefused(await exchange(`${server.issuer}/revoke`, { body, headers }), "invalid_request");
    }
    assert.equal(verdictOf(server, access_token), "allow");
  });

  it("is refused without client authentication", async () => {
    const { access_token } = await signIn(server);
    const answer = await exchange(`${server.issuer}/revoke`, { body: form({ token: access_token }) });
    assertRefused(answer, "invalid_request");
    assert.equal(verdictOf(server, access_token), "allow");
  });

  it("of a confidential client needs its secret", async () => {
    const value = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    const body = form({ token: value, client_id: "service", client_secret: "wrong-secret-wrong-secret" });
    assertRefused(await exchange(`${server.issuer}/revoke`, { body }), "invalid_client", 401);
    assert.equal(verdictOf(server, value), "allow");
  });

  it("answers 200 to what is no token of ours, and logs nothing", async () => {
    const head = server.server.storage.log.head();
    const { id_token, access_token } = await signIn(server);
    const forged = `${access_token.slice(0, -8)}AAAAAAAA`;
    for (const value of [id_token, forged, "a.b.c", "nonsense"]) {
      assert.equal((await revokeToken(server.issuer, value)).status, 200);
    }
    assert.equal(server.server.storage.log.head(), head);
  });

  it("decides on the claims: another spelling revokes the same token, or nothing", async () => {
    const { access_token } = await signIn(server);
    await revokeToken(server.issuer, respelled(access_token));
    await revokeToken(server.issuer, access_token);
    assert.equal(verdictOf(server, access_token), "revoked");
    assert.equal((await introspect(server.issuer, "orders", respelled(access_token))).active, false);
  });

  it("answers 5xx when the log cannot be written", async () => {
    const { access_token } = await signIn(server);
    const answer = await withBrokenLog(server, () => revokeToken(server.issuer, access_token));
    assert.ok(answer.status >= 500, String(answer.status));
    assert.equal(verdictOf(server, access_token), "allow");
  });
});

describe("revoking a refresh token (RFC 7009)", () => {
  it("ends its grant: access tokens too, with a receipt", async () => {
    const { access_token, refresh_token } = await signIn(server);
    const answer = await revokeToken(server.issuer, refresh_token, { prefer: "wait=2" });
    assert.equal(answer.status, 200);
    assert.match(String(answer.headers["portcullis-receipt"]), /state=enforced/);
    assert.equal(verdictOf(server, access_token), "revoked");
    assertRefused(await refresh(server.issuer, refresh_token), "invalid_grant");
  });

  it("is refused to another client", async () => {
    const { refresh_token } = await signIn(server);
    const answer = await exchange(`${server.issuer}/revoke`, {
      body: form({ token: refresh_token, client_id: "other" }),
    });
    assertRefused(answer, "invalid_request");
    ok(await refresh(server.issuer, refresh_token));
  });
});

describe("introspecting a JWT access token (RFC 7662)", () => {
  it("shows it to a client of its audience, to its own, and to one that may see all", async () => {
    const { access_token, claims } = await signIn(server);
    for (const client of ["orders", "auditor"]) {
      const answer = await introspect(server.issuer, client, access_token);
      assert.deepEqual([answer.active, answer.jti, answer.sid], [true, claims.jti, claims.sid], client);
    }
    const own = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    assert.equal((await introspect(server.issuer, "service", own)).active, true);
  });

  it("says about which APIs the client is answered, whatever the token is", async () => {
    const { access_token } = await signIn(server);
    const introspects = async (client: string, value: string) => {
      const body = form({ token: value });
      const answer = await exchange(`${server.issuer}/introspect`, {
        body,
        headers: { authorization: basicOf(client) },
      });
      return answer.headers[INTROSPECTS_HEADER];
    };
    for (const value of [access_token, "no token"]) {
      assert.equal(await introspects("auditor", value), "any");
      const apis = String(await introspects("orders", value)).split(" ");
      assert.ok(apis.includes(RESOURCE) && !apis.includes(OTHER_RESOURCE), String(apis));
    }
    const refused = await exchange(`${server.issuer}/introspect`, { body: form({ token: access_token }) });
    assert.equal(refused.headers[INTROSPECTS_HEADER], undefined);
  });

  it("names the user to who may see it, and neither to the app that has it nor of an app itself", async () => {
    const { access_token } = await signIn(server);
    for (const client of ["orders", "auditor"]) {
      assert.equal((await introspect(server.issuer, client, access_token)).username, "alice", client);
    }
    const body = form({ token: access_token, client_id: "web" });
    const byItself = json<Record<string, unknown>>(await exchange(`${server.issuer}/introspect`, { body }));
    assert.deepEqual([byItself.active, byItself.username], [true, undefined]);
    const own = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    assert.equal("username" in (await introspect(server.issuer, "orders", own)), false);
    const opaque = await signIn(server, { parameters: { client_id: "web", scope: "openid", resource: "" } });
    const ofOpaque = await introspect(server.issuer, "auditor", opaque.access_token);
    assert.deepEqual([ofOpaque.active, ofOpaque.username], [true, "alice"]);
  });

  it("says nothing of it to others", async () => {
    const { access_token } = await signIn(server);
    assert.deepEqual(await introspect(server.issuer, "billing", access_token), { active: false });
  });

  it("says inactive at once when its session, its user or its client was revoked", async () => {
    for (const [scope, claim] of [
      ["session", "sid"],
      ["subject", "sub"],
      ["client", "client_id"],
    ] as const) {
      const { access_token, claims } = await signIn(server);
      const answer = await revokeByApi(server, { scope, key: claims[claim], mode: "kill", reason: "kicked" });
      assert.equal(answer.status, 200, answer.body);
      const dead = { active: false, reason: "kicked" };
      assert.deepEqual(await introspect(server.issuer, "orders", access_token), dead, scope);
      assert.deepEqual(await introspect(server.issuer, "billing", access_token), { active: false }, scope);
    }
  });

  it("tells no reason of a token that is only stale: its holder refreshes it", async () => {
    const { access_token, claims } = await signIn(server);
    await revokeByApi(server, { scope: "session", key: claims.sid, mode: "stale" });
    assert.deepEqual(await introspect(server.issuer, "orders", access_token), { active: false });
  });

  it("says inactive for what is expired, forged, or another kind of token", async () => {
    const { access_token, id_token } = await signIn(server);
    assert.equal((await introspect(server.issuer, "auditor", id_token)).active, false);
    assert.equal(
      (await introspect(server.issuer, "auditor", `${access_token.slice(0, -8)}AAAAAAAA`)).active,
      false,
    );
    server.advance(301_000);
    assert.equal((await introspect(server.issuer, "auditor", access_token)).active, false);
  });
});

describe("an opaque access token", () => {
  const parameters = { resource: undefined as never, scope: "openid profile" };
  const userinfo = (value: string) =>
    exchange(`${server.issuer}/userinfo`, { headers: { authorization: `Bearer ${value}` } });

  it("works at userinfo until its user is cut off", async () => {
    const { access_token, id_token } = await signIn(server, { parameters });
    assert.equal((await userinfo(access_token)).status, 200);
    const sub = JSON.parse(Buffer.from(id_token.split(".")[1]!, "base64url").toString()).sub;
    // The log alone: the row is still there.
    await server.server.storage.write((transaction) =>
      transaction.append([{ scope: "subject", key: sub, mode: "kill", reason: "banned" }]),
    );
    const refused = await userinfo(access_token);
    assert.equal(refused.status, 401);
    assert.equal(challengeOf(refused)?.reason, "banned");
    assert.equal(json<Record<string, string>>(refused).reason, "banned");
    assert.equal((await introspect(server.issuer, "auditor", access_token)).active, false);
  });

  it("is shown by introspection to nobody but its own client, and clients that may see all", async () => {
    const { access_token } = await signIn(server, { parameters });
    assert.equal((await introspect(server.issuer, "orders", access_token)).active, false);
    assert.equal((await introspect(server.issuer, "auditor", access_token)).active, true);
  });

  it("that is revoked leaves the refresh token alive", async () => {
    const { access_token, refresh_token } = await signIn(server, { parameters });
    assert.equal((await revokeToken(server.issuer, access_token)).status, 200);
    assert.equal((await userinfo(access_token)).status, 401);
    ok(await refresh(server.issuer, refresh_token));
  });
});

describe("the revocations API", () => {
  it("refuses who is not allowed to write", async () => {
    const value = await machineToken(server.issuer, "orders", `${server.issuer}/api`, "revocations.read");
    const answer = await exchange(`${server.issuer}/revocations`, {
      method: "POST",
      body: "{}",
      headers: { authorization: `Bearer ${value}`, "content-type": "application/json" },
    });
    assertRefused(answer, "insufficient_scope", 403);
  });

  it("refuses tokens for another audience", async () => {
    const value = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    const answer = await exchange(`${server.issuer}/revocations/snapshot`, {
      headers: { authorization: `Bearer ${value}` },
    });
    assertRefused(answer, "invalid_token", 401);
  });

  it("is named by discovery", async () => {
    const discovery = json(await exchange(`${server.issuer}/.well-known/openid-configuration`));
    assert.equal(discovery.portcullis_revocations_endpoint, `${server.issuer}/revocations`);
    assert.equal(discovery.portcullis_api_resource, `${server.issuer}/api`);
  });
});
