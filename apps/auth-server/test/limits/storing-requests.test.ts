import assert from "node:assert/strict";
import { test } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import type { FastifyInstance } from "fastify";
import { STORES_NOTHING, STORING_REQUESTS } from "../../src/limits/storing-requests.ts";
import { begin, form, passPages, redeem } from "../oidc/app.ts";
import { basicOf, startServer } from "../oidc/server-under-test.ts";

/** Out of the tree that Fastify prints: four characters a level, and the methods in brackets. */
function routesOf(app: FastifyInstance): { method: string; url: string }[] {
  const above: string[] = [];
  return app
    .printRoutes({ commonPrefix: false })
    .split("\n")
    .flatMap((line) => {
      const [, indent = "", part = "", methods = ""] =
        /^([│ ]*[├└]── )(\S+)(?: \(([A-Z, ]+)\))?/.exec(line) ?? [];
      const level = indent.length / 4;
      above.splice(level - 1, above.length, part);
      const url = above.join("");
      return methods === "" ? [] : methods.split(", ").map((method) => ({ method, url }));
    });
}

const limits = (change: Record<string, number>) => ({
  change: (document: object) => Object.assign(document, { limits: change }),
});

test("every route is limited, or says why strangers make it store nothing", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const limited = (method: string, url: string) =>
    STORING_REQUESTS.some((kind) => kind.route === url && (kind.method === "any" || kind.method === method));
  const explained = (url: string) =>
    Object.keys(STORES_NOTHING).some((path) => url === path || url.startsWith(`${path}/`));
  const routes = routesOf(server.server.app);
  for (const { route } of STORING_REQUESTS)
    assert.ok(
      routes.some(({ url }) => url === route),
      route,
    );
  const missing = routes.filter(
    ({ method, url }) => method !== "OPTIONS" && !limited(method, url) && !explained(url),
  );
  assert.deepEqual(missing, []);
});

test("each kind of request that leaves something behind gets 429 and when to come again", async (t) => {
  const server = await startServer(
    limits({
      authorizationRequestsPerMinute: 1,
      pushedRequestsPerMinute: 1,
      signOutsPerMinute: 1,
      signInAttemptsPerMinute: 1,
    }),
  );
  t.after(() => server.stop());
  for (const { method, route } of STORING_REQUESTS) {
    const ask = () =>
      fetch(server.issuer + route.replace(":uid", "somebody"), {
        method: method === "any" && route !== "/par" && route !== "/logout/confirm" ? "GET" : "POST",
        redirect: "manual",
        ...(method === "POST" || route === "/par" || route === "/logout/confirm" ? { body: form({}) } : {}),
      });
    assert.notEqual((await ask()).status, 429, route);
    const refused = await ask();
    assert.equal(refused.status, 429, route);
    assert.ok(Number(refused.headers.get("retry-after")) > 0, route);
    assert.match(((await refused.json()) as { error: string }).error, /^too_many_/);
  }
  assert.equal((await fetch(`${server.issuer}/jwks`)).status, 200);
});

test("an office behind one address signs in, three hundred people in one minute", async (t) => {
  const server = await startServer();
  t.after(() => server.stop());
  const storm = await Promise.all(
    Array.from({ length: 300 }, () => fetch(begin(server.issuer).url, { redirect: "manual" })),
  );
  assert.deepEqual([...new Set(storm.map(({ status }) => status))], [303]);
  const attempt = begin(server.issuer);
  const callback = await passPages(new PlainBrowser(), attempt.url);
  assert.equal((await redeem(server.issuer, attempt, callback)).status, 200);
});

test("requests that are refused are counted in the log, in one line", async (t) => {
  const server = await startServer(limits({ pushedRequestsPerMinute: 1 }));
  t.after(() => server.stop());
  const push = () =>
    fetch(`${server.issuer}/par`, {
      method: "POST",
      body: form({}),
      headers: { authorization: basicOf("service") },
    });
  for (let count = 0; count < 21; count++) await (await push()).arrayBuffer();
  await server.restart();
  assert.equal(server.logged("request").filter(({ route }) => route === "/par").length, 1);
  assert.deepEqual(
    server.logged("requests_refused").map(({ level, status, route, count }) => [level, status, route, count]),
    [["warn", 429, "/par", 20]],
  );
});
