/** What clients of others write in their own way, and mean as everybody does: an empty secret, a slash behind an origin. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  claimsOf,
  form,
  isEnd,
  ok,
  passPages,
  redeem,
  signIn,
  token,
  verdictOf,
} from "../app.ts";
import { RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";

const BOTH = "https://both.portcullis.example";
const WITH_PATH = "https://path.portcullis.example/v1";
const SLASHED = "https://slashed.portcullis.example/";

let server: ServerUnderTest;
before(async () => {
  server = await startServer({
    change({ clients, resources }) {
      const api = (identifier: string) => ({ identifier, name: identifier, scopes: { read: "Read" } });
      const named = [BOTH, `${BOTH}/`, WITH_PATH, SLASHED];
      (resources as object[]).push(...named.map(api));
      const apis = Object.fromEntries(
        [`${BOTH}/`, WITH_PATH, SLASHED].map((identifier) => [identifier, ["read"]]),
      );
      const [web, , service] = clients;
      clients.push(
        { ...web!, clientId: "slashes", resources: apis } as never,
        { ...service!, clientId: "machine", resources: apis } as never,
        { ...web!, clientId: "mail@shop.example" } as never,
      );
    },
  });
});
after(() => server.stop());

const basic = (text: string) => ({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });

const codeFields = async (clientId = "web") => {
  const attempt = begin(server.issuer, { client_id: clientId });
  const callback = await passPages(new PlainBrowser(), attempt.url);
  return {
    grant_type: "authorization_code",
    code: callback.searchParams.get("code")!,
    redirect_uri: attempt.url.searchParams.get("redirect_uri")!,
    code_verifier: attempt.verifier,
  };
};

describe("a public client that sends its name by Basic, with an empty secret", () => {
  it("redeems and refreshes, with its name in the body as well or not", async () => {
    const { refresh_token } = ok(await token(server.issuer, await codeFields(), basic("web:")));
    const fields = { grant_type: "refresh_token", refresh_token, client_id: "web" };
    ok(await token(server.issuer, fields, basic("web:")));
  });

  it("may encode its name, as in a form", async () => {
    ok(await token(server.issuer, await codeFields("mail@shop.example"), basic("mail%40shop.example:")));
  });

  it("gives tokens back, introspects its own, and sends requests ahead", async () => {
    const { issuer } = server;
    const { access_token } = await signIn(server);
    const body = form({ token: access_token });
    const headers = basic("web:");
    assert.equal(json(await exchange(`${issuer}/introspect`, { body, headers })).active, true);
    assert.equal((await exchange(`${issuer}/revoke`, { body, headers })).status, 200);
    assert.equal(verdictOf(server, access_token), "revoked");
    const { client_id: _, ...request } = Object.fromEntries(begin(issuer).url.searchParams);
    assert.equal((await exchange(`${issuer}/par`, { body: form(request), headers })).status, 201);
  });

  it("is refused under two names, and with a secret", async () => {
    const fields = await codeFields();
    assertRefused(
      await token(server.issuer, { ...fields, client_id: "other" }, basic("web:")),
      "invalid_request",
    );
    assertRefused(
      await token(server.issuer, { ...fields, client_secret: "x" }, basic("web:")),
      "invalid_client",
      401,
    );
    assertRefused(await token(server.issuer, fields, basic("web:x")), "invalid_client", 401);
    ok(await token(server.issuer, fields, basic("web:")));
  });

  it("is none that has a secret, nor one that nobody knows", async () => {
    const fields = { grant_type: "client_credentials", resource: RESOURCE };
    for (const name of ["service", "nobody"]) {
      assertRefused(await token(server.issuer, fields, basic(`${name}:`)), "invalid_request");
    }
    assertRefused(
      await token(server.issuer, { ...fields, client_id: "service" }, basic("service:")),
      "invalid_request",
    );
  });
});

describe("a confidential client", () => {
  it("is not let in by its name alone, wherever it asks", async () => {
    const { issuer } = server;
    const { access_token } = await signIn(server);
    for (const path of ["introspect", "revoke", "par"]) {
      const fields = {
        ...Object.fromEntries(begin(issuer).url.searchParams),
        client_id: "orders",
        token: access_token,
      };
      const answer = await exchange(`${issuer}/${path}`, { body: form(fields) });
      assertRefused(answer, "invalid_client", 401);
    }
    const fields = { grant_type: "client_credentials", resource: RESOURCE, client_id: "service" };
    assertRefused(await token(issuer, fields), "invalid_client", 401);
    assert.equal(verdictOf(server, access_token), "allow");
  });
});

describe("the name of an API that is an origin", () => {
  const forItself = (resource: string): Promise<Exchange> =>
    token(
      server.issuer,
      { grant_type: "client_credentials", resource, scope: "read" },
      basic("machine:service-secret-0123456789abcdef"),
    );
  const audOf = (answer: Exchange) => claimsOf(ok(answer).access_token).aud;

  it("is good with a slash and without, and the token has it as it is stored", async () => {
    assert.equal(audOf(await forItself(SLASHED)), SLASHED);
    assert.equal(audOf(await forItself(SLASHED.slice(0, -1))), SLASHED);
    const { claims } = await signIn(server, { parameters: { resource: `${RESOURCE}/` } });
    assert.equal(claims.aud, RESOURCE);
  });

  it("is good in either spelling when a code is redeemed, when it is refreshed, and in a request that was sent ahead", async () => {
    const { issuer } = server;
    const attempt = begin(issuer);
    const callback = await passPages(new PlainBrowser(), attempt.url);
    const redeemed = ok(
      await token(issuer, {
        grant_type: "authorization_code",
        client_id: "web",
        code: callback.searchParams.get("code")!,
        redirect_uri: attempt.url.searchParams.get("redirect_uri")!,
        code_verifier: attempt.verifier,
        resource: `${RESOURCE}/`,
      }),
    );
    assert.equal(claimsOf(redeemed.access_token).aud, RESOURCE);
    const { refresh_token } = redeemed;
    const next = { grant_type: "refresh_token", client_id: "web", refresh_token, resource: `${RESOURCE}/` };
    assert.equal(audOf(await token(issuer, next)), RESOURCE);
    const ahead = begin(issuer, { resource: `${RESOURCE}/` });
    const pushed = await exchange(`${issuer}/par`, { body: ahead.url.searchParams });
    assert.equal(pushed.status, 201, pushed.body);
    const url = new URL("/authorize", issuer);
    url.searchParams.set("client_id", "web");
    url.searchParams.set("request_uri", String(json(pushed).request_uri));
    const back = await passPages(new PlainBrowser(), url);
    assert.equal(audOf(await redeem(issuer, ahead, back)), RESOURCE);
  });

  it("is only itself where both spellings are APIs, and where there is more than an origin", async () => {
    assert.equal(audOf(await forItself(`${BOTH}/`)), `${BOTH}/`);
    assertRefused(await forItself(BOTH), "invalid_target");
    assert.equal(audOf(await forItself(WITH_PATH)), WITH_PATH);
    assertRefused(await forItself(`${WITH_PATH}/`), "invalid_target");
    assertRefused(await forItself("https://unknown.portcullis.example/"), "invalid_target");
    const refused = begin(server.issuer, { client_id: "slashes", resource: `${RESOURCE}/` });
    const page = await new PlainBrowser().open(refused.url, isEnd);
    assert.equal(page.url.searchParams.get("error"), "invalid_target");
  });
});
