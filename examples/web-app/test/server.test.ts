import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { FastifyInstance } from "fastify";
import { type Config, readConfig } from "../src/config.ts";
import { createWebApp } from "../src/index.ts";

const CONFIG: Config = {
  listen: { host: "127.0.0.1", port: 8403 },
  origin: "http://127.0.0.1:8403",
  issuer: "http://127.0.0.1:8400",
  gateway: "http://127.0.0.1:8401",
  clientId: "web",
  scope: "openid",
  resource: "https://orders.example",
  ordersPath: "/orders",
  accountUrl: "http://127.0.0.1:8400/account",
};

describe("the web app's server", () => {
  let app: FastifyInstance;
  before(async () => {
    app = await createWebApp({ config: CONFIG });
  });
  after(() => app.close());

  it("lets the page load its own scripts only, and call its issuer and its gateway only", async () => {
    const { headers } = await app.inject("/");
    const policy = String(headers["content-security-policy"]);
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self';/);
    assert.match(policy, /connect-src 'self' http:\/\/127\.0\.0\.1:8400 http:\/\/127\.0\.0\.1:8401;/);
    assert.match(policy, /frame-ancestors 'none'/);
    assert.doesNotMatch(policy, /unsafe|\*|data:/);
    assert.equal(headers["referrer-policy"], "no-referrer");
  });

  it("serves a page that the policy lets work: nothing inline", async () => {
    const { body } = await app.inject("/");
    assert.doesNotMatch(body, /<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=/i);
    for (const [, path = ""] of body.matchAll(/(?:src|href)="(\/[\w.]+)"/g)) {
      assert.equal((await app.inject(path)).statusCode, 200, path);
    }
  });

  it("serves the page at the redirect URI too, under the same policy, and keeps it out of caches", async () => {
    const { body, headers, statusCode } = await app.inject("/callback?code=1&state=2");
    assert.equal(statusCode, 200);
    assert.equal(body, (await app.inject("/")).body);
    assert.equal(headers["cache-control"], "no-store");
    assert.ok(headers["content-security-policy"]);
  });

  it("gives the page what it needs to know, and nothing about the server", async () => {
    const config = (await app.inject("/config.json")).json<Record<string, unknown>>();
    assert.equal(config.redirectUri, "http://127.0.0.1:8403/callback");
    assert.equal(config.postLogoutRedirectUri, "http://127.0.0.1:8403/");
    assert.equal(config.listen, undefined);
  });

  it("serves nothing but its public folder", async () => {
    for (const path of [
      "/../package.json",
      "/%2e%2e/package.json",
      "/..%2fpackage.json",
      "/src/main.ts",
      "/.env",
    ]) {
      assert.ok([400, 403, 404].includes((await app.inject(path)).statusCode), path);
    }
  });
});

describe("the web app's configuration", () => {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-web-app-"));
  after(() => rmSync(directory, { recursive: true }));
  const read = (value: unknown) => {
    const file = join(directory, "web-app.json");
    writeFileSync(file, JSON.stringify(value));
    return readConfig(file);
  };

  it("is read as it is written", () => {
    assert.deepEqual(read(CONFIG), CONFIG);
  });

  it("names all its problems at once, by their dotted paths", () => {
    const wrong = { ...CONFIG, listen: { port: 0 }, issuer: "ftp://x", clientId: "" };
    assert.throws(() => read(wrong), /listen\.port:.*issuer:.*clientId:/s);
    assert.throws(() => read({ ...CONFIG, extra: 1 }), /extra/);
  });
});
