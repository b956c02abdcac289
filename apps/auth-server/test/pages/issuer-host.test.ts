/** Where a person arrives who types in the address of this server, under whichever of its names. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import Fastify from "fastify";
import { leadToIssuerHost } from "../../src/pages/lead-to-issuer-host.ts";
import { type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

const port = () => new URL(server.issuer).port;
const ask = (url: string, host = `localhost:${port()}`, method: "GET" | "HEAD" | "POST" = "GET") =>
  server.server.app.inject({ method, url, headers: { host } });

describe("the address of the server alone", () => {
  it("leads to the account page", async () => {
    const { statusCode, headers } = await ask("/", new URL(server.issuer).host);
    assert.deepEqual([statusCode, headers.location], [303, "/account"]);
    assert.equal((await ask("/", new URL(server.issuer).host, "HEAD")).statusCode, 303);
  });
});

describe("a page that is opened under another name of this machine", () => {
  it("is led to the issuer's, with all that its address says", async () => {
    for (const url of [
      "/",
      "/account",
      "/account/signed-out",
      "/authorize?client_id=web&state=a%20b",
      "/interaction/some-uid",
      "/logout?client_id=web",
      "/logout/success",
    ])
      for (const host of [
        `localhost:${port()}`,
        `LocalHost:${port()}`,
        `[::1]:${port()}`,
        `127.0.0.2:${port()}`,
      ]) {
        const { statusCode, headers } = await ask(url, host);
        assert.deepEqual([statusCode, headers.location], [307, server.issuer + url], `${host} ${url}`);
        assert.equal(headers["cache-control"], "no-store");
        assert.equal(headers["set-cookie"], undefined);
      }
  });

  it("stays where it is under the issuer's own name, another port, or a name that is not of this machine", async () => {
    for (const host of [
      new URL(server.issuer).host,
      "localhost",
      "localhost:1",
      `localhost.evil.test:${port()}`,
      `evil.test:${port()}`,
      `user@localhost:${port()}x`,
    ]) {
      const { statusCode, headers } = await ask("/account", host);
      assert.deepEqual([statusCode, headers.location], [200, undefined], host);
    }
  });

  it("is the only thing that is led away: forms, and what programs ask for, are answered there", async () => {
    for (const url of [
      "/.well-known/openid-configuration",
      "/jwks",
      "/userinfo",
      "/api/v1/keys",
      "/api/openapi.json",
      "/revocations",
      "/revocations/snapshot",
      "/revocations/stream",
      "/health/live",
      "/assets/portcullis.css",
      "/nowhere",
    ])
      assert.notEqual((await ask(url)).statusCode, 307, url);
    for (const url of ["/token", "/revoke", "/introspect", "/par", "/authorize", "/account/sign-in"])
      assert.notEqual((await ask(url, `localhost:${port()}`, "POST")).statusCode, 307, url);
  });

  it("is not led away from an issuer that others can reach", async (t) => {
    const app = Fastify();
    t.after(() => app.close());
    leadToIssuerHost(app, "https://login.example");
    app.get("/account", async () => "the page");
    const { statusCode } = await app.inject({ url: "/account", headers: { host: "localhost" } });
    assert.equal(statusCode, 200);
  });
});
