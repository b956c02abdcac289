import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { requestText, TestGateway } from "./support/test-gateway.ts";

let gateway: TestGateway;
before(async () => {
  const route = (name: string, path: string, more = "") =>
    `- { name: ${name}, path: ${path}, upstream: "$upstream", ${more === "" ? "public: true" : more} }`;
  gateway = await TestGateway.start({
    settings: 'cors: { origins: ["http://app.test"] }',
    routes: [
      route("root", "/shop"),
      route("admin", "/shop/admin", 'audience: "https://orders.example", scopes: [shop.admin]'),
      route("read-only", "/read", "public: true, methods: [GET, HEAD]"),
    ],
  });
});
after(() => gateway[Symbol.asyncDispose]());

const statusOf = async (target: string): Promise<number> => (await gateway.get(target)).status;

test("the longest prefix wins, on segment boundaries", async () => {
  assert.equal(await statusOf("/shop"), 200);
  assert.equal(await statusOf("/shop/"), 200);
  assert.equal(await statusOf("/shop/administrator"), 200);
  assert.equal(await statusOf("/shop/admin"), 401);
  assert.equal(await statusOf("/shop/admin/"), 401);
  assert.equal(await statusOf("/shop/admin?x"), 401);
  assert.equal(await statusOf("/shop/admin/users"), 401);
});

test("an unknown path is 404, before anybody is asked for a token", async () => {
  for (const target of ["/", "/shopping", "/sho", "/orders"]) {
    const response = await gateway.get(target);
    assert.equal(`${response.status} ${response.json().error}`, "404 no_route");
  }
});

test("a route in another case is not reached, neither directly nor through a shorter prefix", async () => {
  for (const target of ["/Shop", "/shop/Admin", "/shop/ADMIN/users", "/SHOP/admin"]) {
    assert.equal(await statusOf(target), 404, target);
  }
});

test("a method that the route does not take is 405, and says which it takes", async () => {
  const response = await gateway.exchange(requestText("POST /read HTTP/1.1", ["Content-Length: 0"]));
  assert.equal(response.status, 405);
  assert.equal(response.headers.allow, "GET, HEAD");
});

test("a listed origin's preflight is answered without a token, for the route's methods", async () => {
  const response = await gateway.exchange(
    requestText("OPTIONS /shop/admin HTTP/1.1", [
      "Origin: http://app.test",
      "Access-Control-Request-Method: DELETE",
      "Access-Control-Request-Headers: authorization",
    ]),
  );
  assert.equal(response.status, 204);
  assert.equal(response.headers["access-control-allow-origin"], "http://app.test");
  assert.match(response.headers["access-control-allow-methods"]!, /DELETE/);
  assert.equal(response.headers["access-control-allow-headers"], "Authorization, Content-Type");
  assert.equal(response.headers.vary, "origin");
  assert.equal(response.headers["access-control-allow-credentials"], undefined);
});

test("another origin's preflight is refused, and gets nothing that a browser would obey", async () => {
  for (const origin of ["http://evil.test", "null", "http://app.test.evil.test", "HTTP://APP.TEST"]) {
    const response = await gateway.exchange(
      requestText("OPTIONS /shop HTTP/1.1", [`Origin: ${origin}`, "Access-Control-Request-Method: GET"]),
    );
    assert.equal(`${response.status} ${response.json().error}`, "403 origin_not_allowed");
    assert.equal(response.headers["access-control-allow-origin"], undefined);
  }
});

test("a refusal can be read by a listed origin, with its challenge", async () => {
  const response = await gateway.get("/shop/admin", ["Origin: http://app.test"]);
  assert.equal(response.status, 401);
  assert.equal(response.headers["access-control-allow-origin"], "http://app.test");
  assert.equal(response.headers["access-control-expose-headers"], "WWW-Authenticate, Retry-After");
  const other = await gateway.get("/shop/admin", ["Origin: http://evil.test"]);
  assert.equal(other.headers["access-control-allow-origin"], undefined);
});

test("the service's own CORS headers are replaced", async () => {
  gateway.upstream.handler = (_request, response) => {
    response.writeHead(200, {
      "access-control-allow-origin": "*",
      "access-control-allow-credentials": "true",
    });
    response.end("{}");
  };
  const response = await gateway.get("/shop", ["Origin: http://evil.test"]);
  gateway.upstream.handler = undefined;
  assert.equal(response.status, 200);
  assert.equal(response.headers["access-control-allow-origin"], undefined);
  assert.equal(response.headers["access-control-allow-credentials"], undefined);
});

test("OPTIONS that is no preflight goes the usual way", async () => {
  const response = await gateway.exchange(
    requestText("OPTIONS /shop/admin HTTP/1.1", ["Origin: http://app.test"]),
  );
  assert.equal(response.status, 401);
});
