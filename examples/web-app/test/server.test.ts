import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { configurationOf } from "@portcullis/service";
import type { FastifyInstance } from "fastify";
import { webAppConfiguration } from "../src/configuration.ts";
import { createWebApp } from "../src/index.ts";

const SETTINGS = {
  listen: { host: "127.0.0.1", port: 8403 },
  management: { host: "127.0.0.1", port: 0 },
  origin: "http://127.0.0.1:8403",
  issuer: "http://127.0.0.1:8400",
  gateway: "http://127.0.0.1:8401",
  clientId: "web",
  scope: "openid",
  resource: "https://orders.example",
  ordersPath: "/orders",
  accountUrl: "http://127.0.0.1:8400/account",
};

const configured = (document: object) => configurationOf(webAppConfiguration, { document, directory: "/" });

describe("the web app's server", () => {
  let app: FastifyInstance;
  before(async () => {
    app = await createWebApp({ configuration: configured(SETTINGS) });
  });
  after(() => app.close());
  const get = (path: string, host = "127.0.0.1:8403") => app.inject({ url: path, headers: { host } });

  it("leads from another name of this machine to the one that its redirect URIs have", async () => {
    for (const host of ["localhost:8403", "[::1]:8403", "127.0.0.2:8403", "localhost"]) {
      const { statusCode, headers } = await get("/?a=b", host);
      assert.deepEqual([statusCode, headers.location], [307, "http://127.0.0.1:8403/?a=b"], host);
    }
    // Of these a proxy in front knows more than this server.
    for (const host of ["shop.example", "127.0.0.1.evil.test", "localhost.evil.test:8403"]) {
      assert.equal((await get("/", host)).statusCode, 200, host);
    }
  });

  it("lets the page load its own scripts only, and call its issuer and its gateway only", async () => {
    const { headers } = await get("/");
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self';/);
    assert.match(policy, /connect-src 'self' http:\/\/127\.0\.0\.1:8400 http:\/\/127\.0\.0\.1:8401;/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
    assert.equal(headers["referrer-policy"], "no-referrer");
  });

  it("serves a page that the policy lets work: nothing inline", async () => {
    const { body } = await get("/");
    assert.doesNotMatch(body, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i);
    for (const [, path = ""] of body.matchAll(/(?:src|href)="(\/[\w.]+)"/g)) {
      assert.equal((await get(path)).statusCode, 200, path);
    }
  });

  it("serves the page at the redirect URI too, under the same policy, and keeps it out of caches", async () => {
    const { body, headers, statusCode } = await get("/callback?code=1&state=2");
    assert.equal(statusCode, 200);
    assert.equal(body, (await get("/")).body);
    assert.equal(headers["cache-control"], "no-store");
    assert.ok(headers["content-security-policy"]);
  });

  it("gives the page what it needs to know, and nothing about the server", async () => {
    const config = (await get("/config.json")).json<Record<string, unknown>>();
    assert.equal(config.redirectUri, "http://127.0.0.1:8403/callback");
    assert.equal(config.postLogoutRedirectUri, "http://127.0.0.1:8403/");
    assert.deepEqual([config.listen, config.management], [undefined, undefined]);
  });

  it("serves nothing but its public folder", async () => {
    for (const path of [
      "/../package.json",
      "/%2e%2e/package.json",
      "/..%2fpackage.json",
      "/src/main.ts",
      "/.env",
    ]) {
      assert.ok([400, 403, 404].includes((await get(path)).statusCode), path);
    }
  });
});

describe("the web app's configuration", () => {
  it("is read as it is written, and has a listener for operators", () => {
    const { management, ...rest } = SETTINGS;
    const read = configured(rest);
    assert.deepEqual(read.management, { host: "127.0.0.1", port: 8413, isChosen: false });
    assert.deepEqual(configured({ ...rest, management }), {
      ...read,
      management: { ...management, isChosen: true },
    });
  });

  it("names all its problems at once, by their dotted paths", () => {
    const wrong = {
      ...SETTINGS,
      listen: { port: -1 },
      issuer: "ftp://x",
      origin: "http://x/y",
      clientId: "",
      extra: 1,
    };
    for (const path of [/listen\.port:/, /issuer:/, /origin:/, /clientId:/, /extra:/])
      assert.throws(() => configured(wrong), { code: "configuration_invalid", message: path });
  });

  it("does not let operators and browsers have one port", () => {
    const management = { port: SETTINGS.listen.port };
    assert.throws(
      () => configured({ ...SETTINGS, management }),
      /management\.port: found 8403, the port of listen/,
    );
  });
});
