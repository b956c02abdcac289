/** The pipeline from end to end through an entry that has no sockets: a request as plain values, its answer as well. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { newIdentifier } from "@portcullis/testing";
import { type Asked, HOST, MemoryBody } from "./support/memory-entry.ts";
import { startMemoryGateway } from "./support/memory-gateway.ts";

const fields = (...more: string[]): string[] => [...HOST, ...more];

const REFUSED: Record<string, readonly [asked: Asked, answer: string]> = {
  // Refuse ambiguous requests:
  "no Host": [{ target: "/public", fields: [] }, "400 malformed_host"],
  "a second Host": [{ target: "/public", fields: fields("host", "evil.test") }, "400 duplicate_header"],
  "a second Authorization": [
    { target: "/public", fields: fields("Authorization", "Bearer a", "authorization", "Bearer b") },
    "400 duplicate_header",
  ],
  "two framings": [
    { target: "/public", fields: fields("Content-Length", "1", "Transfer-Encoding", "chunked") },
    "400 conflicting_framing",
  ],
  "a chunked body in HTTP/1.0": [
    { target: "/public", fields: fields("Transfer-Encoding", "chunked"), isHttp10: true },
    "400 unsupported_transfer_encoding",
  ],
  "a body that is too large": [
    { target: "/public", fields: fields("Content-Length", "99999999999") },
    "413 body_too_large",
  ],
  "a dropped credential": [
    { target: "/public", fields: fields("Connection", "authorization") },
    "400 protected_connection_option",
  ],
  "an upgrade": [{ target: "/public", fields: fields("Upgrade", "websocket") }, "501 upgrade_not_supported"],
  "a method that no gateway passes": [{ method: "TRACE", target: "/public" }, "405 method_not_allowed"],
  "a path that needs normalizing": [{ target: "/public/../orders" }, "400 dot_segment"],
  "a token in the query": [{ target: "/public?access_token=a" }, "400 access_token_in_query"],
  // Publish our keys:
  "writing to our keys": [{ method: "PUT", target: "/.well-known/jwks.json" }, "405 method_not_allowed"],
  // Match route:
  "a path of nobody": [{ target: "/nowhere" }, "404 no_route"],
  "a route in another case": [{ target: "/Orders" }, "404 no_route"],
  "a method that the route does not take": [
    { method: "DELETE", target: "/orders" },
    "405 method_not_allowed",
  ],
  // Answer CORS preflight:
  "another origin's preflight": [
    {
      method: "OPTIONS",
      target: "/orders",
      fields: fields("Origin", "http://evil.test", "Access-Control-Request-Method", "GET"),
    },
    "403 origin_not_allowed",
  ],
  "OPTIONS that is no preflight, though a value looks like it": [
    {
      method: "OPTIONS",
      target: "/orders",
      fields: fields("Origin", "http://app.test", "X-Name", "access-control-request-method"),
    },
    "405 method_not_allowed",
  ],
  // Authenticate:
  "nobody's request": [{ target: "/orders" }, "401 missing_credentials"],
  "a token that is none": [
    { target: "/orders", fields: fields("Authorization", "Bearer abc") },
    "401 malformed_token",
  ],
};

for (const [what, [asked, answer]] of Object.entries(REFUSED)) {
  test(`${what} is ${answer}, and no service hears of it`, () => {
    const gateway = startMemoryGateway();
    assert.equal(gateway.answerTo(asked), answer);
    assert.deepEqual(gateway.service.got, []);
    const code = answer.slice(4);
    assert.deepEqual(gateway.counters.refusals(), [{ code, count: 1 }]);
  });
}

test("each step refuses before the next is asked", () => {
  const gateway = startMemoryGateway();
  gateway.phase.isReady = false;
  const foreign = fields("Origin", "http://evil.test", "Access-Control-Request-Method", "GET");
  const wrong: Asked = { method: "OPTIONS", target: "/nowhere/..", fields: foreign };
  assert.equal(gateway.answerTo(wrong), "400 dot_segment");
  assert.equal(gateway.answerTo({ ...wrong, target: "/nowhere" }), "503 temporarily_unavailable");
  assert.equal(gateway.answerTo({ target: "/.well-known/jwks.json" }), "200 let through");
  gateway.phase.isReady = true;
  assert.equal(gateway.answerTo({ ...wrong, target: "/nowhere" }), "404 no_route");
  assert.equal(gateway.answerTo({ ...wrong, target: "/orders" }), "403 origin_not_allowed");
  assert.equal(gateway.answerTo({ target: "/orders" }), "401 missing_credentials");
  const scopeless = gateway.bearer({ scope: "" });
  assert.equal(gateway.answerTo({ target: "/orders", fields: scopeless }), "403 insufficient_scope");
  assert.equal(gateway.answerTo({ target: "/orders", fields: gateway.bearer() }), "200 let through");
  assert.equal(gateway.service.got.length, 1);
});

test("a revoked token is told why, and one that nobody can judge is not told that it is bad", () => {
  const gateway = startMemoryGateway();
  const sid = newIdentifier();
  const asked = { target: "/orders", fields: gateway.bearer({ sid }) };
  gateway.revocations.revoke("session", sid, "kicked");
  const { answer } = gateway.begin(asked);
  assert.equal(`${answer.status} ${JSON.parse(answer.body).reason}`, "401 kicked");
  assert.match(answer.fields["www-authenticate"]!, /^Bearer /);
  gateway.revocations.ageMs = 60_000;
  assert.equal(gateway.answerTo({ target: "/orders", fields: gateway.bearer() }), "503 replica_too_old");
});

test("a service gets the fields as they came, without those that are ours, and who calls", () => {
  const gateway = startMemoryGateway();
  const peer = { address: "2001:db8::7", group: "2001:db8::/64" };
  const spoofed = ["Txn-Token", "forged", "X_Forwarded_For", "6.6.6.6", "X-Own", "kept"];
  gateway.begin({ target: "/orders/7?a=b", fields: [...gateway.bearer(), ...spoofed], peer });
  const { fields: got } = gateway.service.got[0]!;
  assert.equal(got["x-own"], "kept");
  assert.equal(got["x-forwarded-for"], "2001:db8::7");
  assert.equal(got["x-forwarded-host"], "gateway.test");
  assert.match(got["txn-token"]!, /^ey/);
  assert.equal(got.x_forwarded_for, undefined);
});

test("a refusal and a service's answer leave one way: with what every answer says", () => {
  const gateway = startMemoryGateway();
  gateway.phase.isDraining = true;
  const origin = fields("Origin", "http://app.test");
  for (const [target, status] of [
    ["/public", 200],
    ["/nowhere", 404],
  ] as const) {
    const { answer } = gateway.begin({ target, fields: origin });
    assert.equal(answer.status, status);
    assert.equal(answer.fields["access-control-allow-origin"], "http://app.test");
    assert.equal(answer.isLast, true);
  }
});

test("a preflight is answered without a token", () => {
  const gateway = startMemoryGateway();
  const preflight = fields("Origin", "http://app.test", "Access-Control-Request-Method", "GET");
  const { answer } = gateway.begin({ method: "OPTIONS", target: "/orders", fields: preflight });
  assert.equal(answer.status, 204);
  assert.equal(answer.fields["access-control-allow-methods"], "GET, POST");
});

test("a body is asked for when its request was let through, and not before", () => {
  const gateway = startMemoryGateway();
  const upload = ["Content-Length", "5"];
  const refused = gateway.begin({ method: "POST", target: "/orders", fields: fields(...upload) });
  assert.equal(refused.answer.status, 401);
  assert.equal(refused.body.isAskedFor, false);
  const asked = { method: "POST", target: "/orders", fields: [...gateway.bearer(), ...upload] };
  const { body, answer } = gateway.begin(asked);
  assert.equal(body.isAskedFor, true);
  body.send("hel");
  assert.equal(gateway.service.got.length, 0);
  body.send("lo");
  body.finish();
  assert.equal(gateway.service.got[0]!.body, "hello");
  assert.equal(`${answer.status} ${answer.body} ${answer.fields["x-service"]}`, "200 ok yes");
  assert.equal(gateway.buffers.bytes, 0);
});

test("a token that dies while a short body arrives is 401 at once, and the service gets nothing", () => {
  const gateway = startMemoryGateway();
  const sid = newIdentifier();
  const upload = [...gateway.bearer({ sid }), "Content-Length", "5"];
  const { body, answer } = gateway.begin({ method: "POST", target: "/orders", fields: upload });
  body.send("hel");
  gateway.revocations.revoke("session", sid, "banned");
  body.finish();
  assert.deepEqual(gateway.service.got, []);
  assert.equal(`${answer.status} ${JSON.parse(answer.body).reason}`, "401 banned");
  assert.equal(answer.isLast, true);
  assert.equal(gateway.buffers.bytes, 0);
});

test("a token that dies while its service works is 401 at once", () => {
  const gateway = startMemoryGateway();
  const sid = newIdentifier();
  gateway.service.behaviour = "silent";
  const { answer, exchange } = gateway.begin({ target: "/orders", fields: gateway.bearer({ sid }) });
  assert.equal(answer.status, undefined);
  gateway.revocations.revoke("session", sid, "logged_out");
  assert.equal(`${answer.status} ${exchange.refusal}`, "401 killed");
});

test("a body without room for it is 503, and leaves its place to others", () => {
  const gateway = startMemoryGateway({
    settings: "limits: { bufferedBytes: 4, bufferRequestBytes: 4, clientShare: 1 }",
  });
  const upload = fields("Content-Length", "3");
  const first = gateway.begin({ method: "POST", target: "/public", fields: upload });
  first.body.send("abc");
  const second = gateway.begin({ method: "POST", target: "/public", fields: upload });
  second.body.send("abc");
  assert.equal(`${second.answer.status} ${second.exchange.refusal}`, "503 buffers_full");
  assert.equal(second.answer.fields["retry-after"], "1");
  assert.equal(gateway.buffers.bytes, 3);
});

test("a chunked body that grows too large is 413", async () => {
  const gateway = startMemoryGateway({ settings: "limits: { maxBodyBytes: 4, bufferRequestBytes: 4 }" });
  const upload = fields("Transfer-Encoding", "chunked");
  const { body, answer, exchange } = gateway.begin({ method: "POST", target: "/public", fields: upload });
  body.send("12345");
  await answer.over;
  assert.equal(`${answer.status} ${exchange.refusal}`, "413 body_too_large");
  assert.equal(body.isPaused, true);
});

test("a service that is busy is 503: at once without a place to wait, else after its time", () => {
  const gateway = startMemoryGateway();
  gateway.service.behaviour = "silent";
  gateway.begin({ target: "/public" });
  const waiting = gateway.begin({ target: "/public" });
  assert.equal(gateway.answerTo({ target: "/public" }), "503 upstream_busy");
  assert.equal(waiting.answer.status, undefined);
  gateway.clock.advance(2_000);
  assert.equal(`${waiting.answer.status} ${waiting.exchange.refusal}`, "503 upstream_busy");
});

test("a service that cannot be reached is 502, and its own words stay inside", () => {
  const gateway = startMemoryGateway();
  const error = Object.assign(new Error("connect 10.0.0.1"), { code: "ECONNREFUSED" });
  gateway.service.behaviour = error;
  const { answer, exchange } = gateway.begin({ target: "/public" });
  assert.equal(`${answer.status} ${exchange.refusal}`, "502 upstream_unreachable");
  assert.doesNotMatch(answer.body, /10\.0\.0\.1/);
});

test("a client that leaves is answered nothing, and counted once", () => {
  const gateway = startMemoryGateway();
  gateway.service.behaviour = "silent";
  const { answer, exchange } = gateway.begin({ target: "/public" });
  gateway.core.end(exchange);
  gateway.core.end(exchange);
  assert.equal(answer.status, undefined);
  assert.deepEqual(gateway.counters.requests(), [{ route: "public", status: 499, count: 1 }]);
  // Its connection is free again.
  gateway.service.behaviour = "answers";
  assert.equal(gateway.answerTo({ target: "/public" }), "200 let through");
});

test("what a client sent that left while its token was verified reaches no service", async () => {
  const verified = Promise.withResolvers<void>();
  const gateway = startMemoryGateway({
    guardedBy: (guard) => ({
      authenticate: (...asked) => verified.promise.then(() => guard.authenticate(...asked)),
    }),
  });
  const { exchange, answer } = gateway.begin({ target: "/orders", fields: gateway.bearer() });
  gateway.core.end(exchange);
  verified.resolve();
  await verified.promise;
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(gateway.service.got, []);
  assert.equal(answer.status, undefined);
});

test("a failure of our own is 500, tells the client nothing, and is logged", async () => {
  const broken = new Error("a private detail");
  for (const authenticate of [
    () => {
      throw broken;
    },
    () => Promise.reject(broken),
  ]) {
    const gateway = startMemoryGateway({ guardedBy: () => ({ authenticate }) });
    const { answer, exchange } = gateway.begin({ target: "/orders", fields: gateway.bearer() });
    await answer.over;
    assert.equal(`${answer.status} ${exchange.refusal}`, "500 internal_error");
    assert.doesNotMatch(answer.body, /private/);
    assert.equal(gateway.log.named("internal_error")[0]?.error, broken);
  }
});

test("a body that nobody has begun to read is a body left behind only when it is long", () => {
  const gateway = startMemoryGateway();
  const isLast = (length: string, body = new MemoryBody()) =>
    gateway.begin({ method: "POST", target: "/nowhere", fields: fields("Content-Length", length), body })
      .answer.isLast;
  assert.equal(isLast("65536"), false);
  assert.equal(isLast("65537"), true);
  const arrived = new MemoryBody();
  arrived.hasArrived = true;
  assert.equal(isLast("65537", arrived), false);
});

after(() => {
  const sockets = process.getActiveResourcesInfo().filter((name) => /TCP|Pipe.*Server|TLS/.test(name));
  assert.deepEqual(sockets, []);
});
