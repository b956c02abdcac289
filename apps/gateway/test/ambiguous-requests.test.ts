import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { RawClient } from "./support/raw-client.ts";
import { requestText, TestGateway } from "./support/test-gateway.ts";

let gateway: TestGateway;
before(async () => {
  gateway = await TestGateway.start({ settings: "limits: { headersTimeoutSeconds: 1, maxBodyBytes: 1000 }" });
});
after(() => gateway[Symbol.asyncDispose]());

/** The request gets this refusal, and nothing of it reaches the service. */
async function assertRefused(bytes: string, status: number, error: string): Promise<void> {
  const before = gateway.upstream.bytes.length;
  const response = await gateway.exchange(bytes);
  assert.equal(`${response.status} ${response.json().error}`, `${status} ${error}`, JSON.stringify(bytes));
  assert.ok(response.json().error_description.length > 10);
  assert.equal(gateway.upstream.bytes.length, before, "the service saw something");
}

const TARGETS: readonly (readonly [target: string, error: string])[] = [
  ["http://other.example/public", "unsupported_target_form"],
  ["*", "unsupported_target_form"],
  ["/public#fragment", "fragment_in_target"],
  ["/public/..", "dot_segment"],
  ["/public/../orders", "dot_segment"],
  ["/public/./orders", "dot_segment"],
  ["/public/%2e%2e/orders", "dot_segment"],
  ["/public/.%2E/orders", "dot_segment"],
  ["/public/%2e", "dot_segment"],
  ["/public//orders", "empty_segment"],
  ["//orders", "empty_segment"],
  ["/public;/orders", "path_parameter"],
  ["/public/..;/orders", "path_parameter"],
  ["/public\\orders", "forbidden_character"],
  ["/public/%5c..%5corders", "encoded_delimiter"],
  ["/public%2forders", "encoded_delimiter"],
  ["/public%2Forders", "encoded_delimiter"],
  ["/public%00", "encoded_delimiter"],
  ["/public%0d%0aX:y", "encoded_delimiter"],
  ["/public/%252e%252e/orders", "double_encoding"],
  ["/public%252forders", "double_encoding"],
  ["/public%25252forders", "double_encoding"],
  ["/%6frders", "encoded_unreserved"],
  ["/public/%7euser", "encoded_unreserved"],
  ["/public%", "malformed_percent_encoding"],
  ["/public%2", "malformed_percent_encoding"],
  ["/public%u002f", "malformed_percent_encoding"],
  ["/public?x=%zz", "malformed_percent_encoding"],
  ["/public?access_token=x", "access_token_in_query"],
  ["/public?a=b&access%5Ftoken=x", "access_token_in_query"],
  ["/public?a=b;Access.Token=x", "access_token_in_query"],
  ["/public?access_token", "access_token_in_query"],
];

for (const [target, error] of TARGETS) {
  test(`the target ${target} is refused: ${error}`, async () => {
    const refusal = await gateway.get(target);
    assert.equal(`${refusal.status} ${refusal.json().error}`, `400 ${error}`);
    await assertRefused(requestText(`GET ${target} HTTP/1.1`, [gateway.bearer()]), 400, error);
  });
}

for (const [name, target] of [
  ["a NUL", "/public\0"],
  ["a control character", "/public\x01"],
  ["a byte above ASCII", "/public\xe9"],
  ["an overlong UTF-8 slash", "/public\xc0\xafx"],
  ["a tab", "/public\tx"],
] as const) {
  test(`a target with ${name} is refused`, async () => {
    const response = await gateway.get(target);
    assert.equal(response.status, 400);
    assert.match(response.json().error, /^(forbidden_character|malformed_request)$/);
    assert.equal(gateway.upstream.bytes.includes(target), false);
  });
}

test("harmless targets go through byte for byte", async () => {
  for (const target of [
    "/public",
    "/public/",
    "/public/a.b/..c/d..",
    "/public/%20%C3%A9%c3%a9/@:!$&'()*+,=~-_",
    "/public?x=http://other/..//;&y=%2f%00",
    "/public?",
    "/public?token=1&my_access_token=2",
    "/public/%25x",
  ]) {
    const response = await gateway.get(target);
    assert.equal(response.status, 200, target);
    assert.equal(response.json().target, target);
  }
});

const FIELDS: readonly (readonly [what: string, fields: readonly string[], status: number, error: string])[] =
  [
    ["two Host headers", ["Host: other.test"], 400, "duplicate_header"],
    [
      "two Authorization headers",
      ["Authorization: Bearer a", "authorization: Bearer b"],
      400,
      "duplicate_header",
    ],
    ["two Origin headers", ["Origin: http://a", "Origin: http://b"], 400, "duplicate_header"],
    ["Connection: Authorization", ["Connection: close, Authorization"], 400, "protected_connection_option"],
    ["Connection: Host", ["Connection: HOST"], 400, "protected_connection_option"],
    [
      "Connection: Content-Type",
      ["Connection: keep-alive", "Connection: content-type"],
      400,
      "protected_connection_option",
    ],
    ["Upgrade: websocket", ["Connection: Upgrade", "Upgrade: websocket"], 501, "upgrade_not_supported"],
    ["Upgrade without Connection", ["Upgrade: websocket"], 501, "upgrade_not_supported"],
    ["an offer of HTTP/2 and WebSocket", ["Upgrade: h2c, websocket"], 501, "upgrade_not_supported"],
    [
      "WebSocket, then an offer of HTTP/2",
      ["Upgrade: websocket", "Upgrade: h2c"],
      501,
      "upgrade_not_supported",
    ],
    ["another expectation", ["Expect: 200-ok"], 417, "expectation_failed"],
    ["101 headers", Array.from({ length: 100 }, (_, at) => `X-${at}: y`), 431, "headers_too_large"],
    ["headers of 20 KB", [`X-Long: ${"y".repeat(20_000)}`], 431, "headers_too_large"],
  ];

for (const [what, fields, status, error] of FIELDS) {
  test(`${what}: ${status} ${error}`, () =>
    assertRefused(requestText("GET /public HTTP/1.1", fields), status, error));
}

test("a Host that is none, a list, an address with a user, or has a path is refused", async () => {
  for (const host of ["", "a,b", "a b", "user@a", "a/b", "a:99999999", "a:b", "[::1", "a\\b"]) {
    await assertRefused(`GET /public HTTP/1.1\r\nHost: ${host}\r\n\r\n`, 400, "malformed_host");
  }
  await assertRefused("GET /public HTTP/1.1\r\n\r\n", 400, "malformed_host");
  await assertRefused("GET /public HTTP/1.0\r\n\r\n", 400, "malformed_host");
});

test("an offer of HTTP/2 is ignored: answered in HTTP/1.1, not passed on, and what follows is looked at", async () => {
  const offer = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMA"];
  const before = gateway.upstream.bytes.length;
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("GET /public HTTP/1.1", offer));
  assert.equal((await client.response()).status, 200);
  client.send(requestText("POST /public HTTP/1.1", [...offer, "Content-Length: 4"], "body"));
  const taken = await client.response();
  assert.equal(taken.status, 200, taken.body);
  assert.equal(taken.json().body, "body");
  assert.doesNotMatch(gateway.upstream.bytes.slice(before), /upgrade|h2c|http2-settings/i);
  client.send(requestText("GET /public//orders HTTP/1.1", offer));
  assert.equal((await client.response()).json().error, "empty_segment");
  client.close();
});

test("TRACE, CONNECT and unknown methods are refused", async () => {
  for (const method of ["TRACE", "PROPFIND", "BREW", "get", "QUERY", "M-SEARCH"]) {
    await assertRefused(requestText(`${method} /public HTTP/1.1`), 405, "method_not_allowed");
  }
  await assertRefused("CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n", 405, "method_not_allowed");
});

const FRAMING: readonly (readonly [what: string, fields: readonly string[], error: RegExp])[] = [
  [
    "Content-Length with Transfer-Encoding",
    ["Content-Length: 5", "Transfer-Encoding: chunked"],
    /conflicting_framing/,
  ],
  [
    "Transfer-Encoding with Content-Length",
    ["Transfer-Encoding: chunked", "Content-Length: 5"],
    /conflicting_framing/,
  ],
  ["two Content-Lengths", ["Content-Length: 5", "Content-Length: 6"], /content_length|duplicate/],
  ["one Content-Length twice", ["Content-Length: 5", "Content-Length: 5"], /content_length|duplicate/],
  ["a list of lengths", ["Content-Length: 5, 5"], /malformed_content_length/],
  ["a signed length", ["Content-Length: +5"], /malformed_content_length/],
  ["a negative length", ["Content-Length: -5"], /malformed_content_length/],
  ["a hexadecimal length", ["Content-Length: 0x5"], /malformed_content_length/],
  ["an endless length", [`Content-Length: ${"9".repeat(40)}`], /malformed_content_length/],
  ["identity", ["Transfer-Encoding: identity"], /unsupported_transfer_encoding/],
  ["gzip, chunked", ["Transfer-Encoding: gzip, chunked"], /unsupported_transfer_encoding/],
  ["chunked, identity", ["Transfer-Encoding: chunked, identity"], /unsupported_transfer_encoding/],
  [
    "chunked twice",
    ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    /unsupported_transfer_encoding|duplicate/,
  ],
  ["xchunked", ["Transfer-Encoding: xchunked"], /unsupported_transfer_encoding/],
  ["chunked in quotes", ['Transfer-Encoding: "chunked"'], /unsupported_transfer_encoding/],
  [
    "chunked and a vertical tab",
    ["Transfer-Encoding: chunked\v"],
    /unsupported_transfer_encoding|malformed_request/,
  ],
  ["white space before the colon", ["Transfer-Encoding : chunked"], /malformed_request/],
  ["a folded line", ["Transfer-Encoding:\r\n chunked"], /malformed_request|unsupported_transfer_encoding/],
  ["a bare CR", ["X: y\rTransfer-Encoding: chunked"], /malformed_request/],
  ["a bare LF", ["X: y\nTransfer-Encoding: chunked"], /malformed_request/],
  ["a NUL in a value", ["X: \0"], /malformed_request/],
  ["a name with a space", ["X y: z"], /malformed_request/],
  ["a line without a colon", ["Nonsense"], /malformed_request/],
];

for (const [what, fields, error] of FRAMING) {
  test(`framing that can be read in two ways is refused: ${what}`, async () => {
    const before = gateway.upstream.bytes.length;
    const response = await gateway.exchange(
      requestText("POST /public HTTP/1.1", fields, "0\r\n\r\nGET /orders HTTP/1.1\r\n\r\n"),
    );
    assert.equal(response.status, 400);
    assert.match(response.json().error, error);
    assert.equal(gateway.upstream.bytes.length, before, "the service saw something");
  });
}

test("Transfer-Encoding in HTTP/1.0 is refused", () =>
  assertRefused(
    "POST /public HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    400,
    "unsupported_transfer_encoding",
  ));

test("bytes that are no HTTP/1.1 get a clear 400", async () => {
  for (const bytes of [
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET /public HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET /public HTTP/3.0\r\nHost: a\r\n\r\n",
    "GET /public\r\n\r\n",
  ]) {
    const response = await gateway.exchange(bytes);
    assert.match(`${response.status} ${response.json().error}`, /^(400|405) \w+$/, bytes);
    assert.equal(response.headers.connection, "close");
  }
});

test("headers that come too slowly get 408", async () => {
  const client = await RawClient.connect(gateway.gateway.url);
  client.send("GET /public HTTP/1.1\r\nHost: a\r\nX-Slow:");
  const response = await client.response();
  assert.equal(`${response.status} ${response.json().error}`, "408 request_timeout");
  await client.closed();
});

test("a body announced as too large is refused before it is read", () =>
  assertRefused(requestText("POST /public HTTP/1.1", ["Content-Length: 1001"]), 413, "body_too_large"));

test("a chunked body that turns out too large is refused", async () => {
  const chunk = `200\r\n${"x".repeat(512)}\r\n`;
  const response = await gateway.exchange(
    requestText("POST /public HTTP/1.1", ["Transfer-Encoding: chunked"], `${chunk}${chunk}0\r\n\r\n`),
  );
  assert.equal(`${response.status} ${response.json().error}`, "413 body_too_large");
  assert.equal(response.headers.connection, "close");
});

test("endless chunk extensions are refused", async () => {
  const body = `1;${"x".repeat(20_000)}\r\na\r\n0\r\n\r\n`;
  const response = await gateway.exchange(
    requestText("POST /public HTTP/1.1", ["Transfer-Encoding: chunked"], body),
  );
  assert.equal(`${response.status} ${response.json().error}`, "413 body_too_large");
});

test("chunk extensions do not reach the service", async () => {
  const body = '1;name="a\tb"\r\na\r\n0\r\n\r\n';
  const response = await gateway.exchange(
    requestText("POST /public HTTP/1.1", ["Transfer-Encoding: chunked"], body),
  );
  assert.equal(response.json().body, "a");
  assert.ok(!gateway.upstream.bytes.includes("name="));
});

test("a broken chunk in a body under way gets 400, and the call to the service is broken off", async () => {
  const client = await RawClient.connect(gateway.gateway.url);
  client.send(requestText("POST /public HTTP/1.1", ["Transfer-Encoding: chunked"], "1\r\na\r\n"));
  client.send("zz\r\n");
  const response = await client.response();
  assert.equal(`${response.status} ${response.json().error}`, "400 malformed_request");
  await client.closed();
});

test("what a refusal found is named, and is never a header's value", async () => {
  const refusal = await gateway.get("/public/../orders");
  assert.match(refusal.json().error_description, /dot segment.*Found: "\/\.\."/);
  const two = await gateway.get("/public", [
    "Authorization: Bearer sEcReT-1",
    "Authorization: Bearer sEcReT-2",
  ]);
  assert.match(two.json().error_description, /more than one Authorization/);
  assert.ok(!two.body.includes("sEcReT"));
});
