import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import fc from "fast-check";
import { decodeJwt } from "jose";
import { type Seen, valuesOf } from "./support/echo-upstream.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.start();
});
after(() => gateway[Symbol.asyncDispose]());

/** What the service saw of a request with these lines. */
async function seenWith(fields: readonly string[], target = "/public"): Promise<Seen> {
  const response = await gateway.get(target, fields);
  assert.equal(response.status, 200, response.body);
  return JSON.parse(Buffer.from(response.body, "latin1").toString());
}

const variableOf = (name: string): string => name.toUpperCase().replace(/[^A-Z0-9]/g, "_");

test("no spelling of an identity header survives, whatever stands around it", async () => {
  const base = fc.constantFrom(
    "txn-token",
    "x-portcullis-user",
    "x-portcullis-scope",
    "x-forwarded-for",
    "x-real-ip",
  );
  const spelling = fc
    .tuple(
      base,
      fc.array(fc.boolean(), { minLength: 20, maxLength: 20 }),
      fc.array(fc.constantFrom("-", "_", ".", "~"), { minLength: 4, maxLength: 4 }),
    )
    .map(([name, upper, separators]) => {
      let separator = 0;
      return [...name]
        .map((character, at) =>
          character === "-"
            ? separators[separator++ % 4]!
            : upper[at % 20]
              ? character.toUpperCase()
              : character,
        )
        .join("");
    });
  const fields = fc.array(fc.tuple(spelling, fc.boolean()), { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(fields, async (spellings) => {
      const lines = spellings.flatMap(([name, isListed]) => [
        `${name}: forged`,
        ...(isListed ? [`Connection: ${name}`] : []),
      ]);
      const seen = await seenWith(lines);
      assert.ok(!JSON.stringify(seen).includes("forged"), lines.join("; "));
      const variables = seen.rawHeaders.filter((_, at) => at % 2 === 0).map(variableOf);
      assert.ok(!variables.includes("TXN_TOKEN"), "a public route hands out no identity");
    }),
    { numRuns: 200 },
  );
});

test("on a protected route the service gets one transaction token, ours", async () => {
  const seen = await seenWith(
    [gateway.bearer(), "Txn-Token: forged", "txn_token: forged", "Connection: Txn-Token"],
    "/orders",
  );
  const tokens = valuesOf(seen.rawHeaders, "txn-token");
  assert.equal(tokens.length, 1);
  assert.equal(decodeJwt(tokens[0]!).iss, "http://gateway.test");
});

test("hop-by-hop headers stop here, those that Connection names included", async () => {
  const seen = await seenWith([
    "Connection: close, X-Secret-Hop",
    "X-Secret-Hop: 1",
    "Keep-Alive: timeout=5",
    "TE: trailers",
    "Trailer: X-Trailer",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic eDp5",
    "Proxy: http://evil.test",
    "X-Stays: 1",
  ]);
  const names = seen.rawHeaders.filter((_, at) => at % 2 === 0).map((name) => name.toLowerCase());
  assert.deepEqual(names.sort(), [
    "connection",
    "host",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-stays",
  ]);
});

test("where a request came from is said by the gateway alone", async () => {
  const seen = await seenWith([
    "Forwarded: for=6.6.6.6",
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Port: 1",
    "X_Forwarded_Proto: https",
  ]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "x-forwarded-for"), ["127.0.0.1"]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "x-forwarded-proto"), ["http"]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "x-forwarded-host"), ["gateway.test"]);
  assert.ok(!JSON.stringify(seen).includes("6.6.6.6"));
});

test("end-to-end headers go through with their values, duplicates and order", async () => {
  const seen = await seenWith([
    "Accept: a",
    "Cookie: x=1",
    "Cookie: y=2",
    "X-Bytes: \xe9\xff",
    "__proto__: {}",
    "constructor: c",
  ]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "cookie"), ["x=1", "y=2"]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "x-bytes"), ["\xe9\xff"]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "__proto__"), ["{}"]);
  assert.deepEqual(valuesOf(seen.rawHeaders, "constructor"), ["c"]);
});

test("trailers do not reach the service", async () => {
  const body = "1\r\na\r\n0\r\nTxn-Token: forged\r\nX-Trailer: forged\r\n\r\n";
  const response = await gateway.exchange(
    requestText("POST /public HTTP/1.1", ["Transfer-Encoding: chunked", "Trailer: Txn-Token"], body),
  );
  const seen: Seen = JSON.parse(response.body);
  assert.equal(seen.body, "a");
  assert.deepEqual(seen.trailers, []);
  assert.ok(!gateway.upstream.bytes.includes("forged"));
});

test("a second spelling of a framing header does not reach the service", async () => {
  const seen = await seenWith(["Content_Length: 5", "Transfer_Encoding: chunked", "Content.Length: 7"]);
  const variables = seen.rawHeaders.filter((_, at) => at % 2 === 0).map(variableOf);
  assert.ok(!variables.includes("CONTENT_LENGTH") && !variables.includes("TRANSFER_ENCODING"));
});

test("the service's hop-by-hop headers and forged identity headers do not reach the client", async () => {
  gateway.upstream.handler = (_request, response) => {
    response.writeHead(200, [
      "Connection",
      "X-Hop",
      "X-Hop",
      "1",
      "Proxy-Authenticate",
      "Basic",
      "Txn-Token",
      "echoed",
      "Set-Cookie",
      "a=1",
      "Set-Cookie",
      "b=2",
      "Content-Length",
      "2",
    ]);
    response.end("ok");
  };
  const response = await gateway.get("/public");
  gateway.upstream.handler = undefined;
  assert.equal(response.body, "ok");
  for (const name of ["x-hop", "proxy-authenticate", "txn-token"])
    assert.equal(response.headers[name], undefined);
  assert.equal(
    response.headers["set-cookie"],
    "b=2",
    "the last of two is what the reader of this test keeps",
  );
  assert.equal(response.headers.connection, "keep-alive");
});

test("the access token is forwarded unless the route says otherwise", async () => {
  const bearer = gateway.bearer();
  assert.equal(valuesOf((await seenWith([bearer], "/orders")).rawHeaders, "authorization").length, 1);
  await using quiet = await TestGateway.start({
    routes: [
      `- { name: quiet, path: /quiet, upstream: "$upstream", audience: "https://orders.example", forwardAuthorization: false }`,
    ],
  });
  const response = await quiet.get("/quiet", [quiet.bearer()]);
  assert.equal(response.status, 200);
  assert.deepEqual(valuesOf(JSON.parse(response.body).rawHeaders, "authorization"), []);
});
