import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { valuesOf } from "./support/echo-upstream.ts";
import { requestText, TestGateway, type TestGatewayOptions } from "./support/test-gateway.ts";

/** What the service is told of where the request came from. */
async function seenAddress(gateway: TestGateway, bytes: string, from = "127.0.0.1"): Promise<string[]> {
  const { port } = new URL(gateway.gateway.url);
  const socket = connect({ host: "127.0.0.1", port: Number(port), localAddress: from });
  let text = "";
  socket.on("data", (data) => {
    text += data.toString("latin1");
  });
  socket.write(bytes);
  await once(socket, "close");
  return valuesOf(JSON.parse(text.slice(text.indexOf("{"))).rawHeaders, "x-forwarded-for");
}

const ask = (...fields: string[]) => requestText("GET /public HTTP/1.1", ["Connection: close", ...fields]);
const trusting = (how: string) =>
  TestGateway.start({ settings: `trustedProxies: { addresses: [127.0.0.1], ${how} }\naccessLog: all` });

test("a service is told the address that a trusted proxy names, and no other", async (t) => {
  const gateway = await trusting("header: x-forwarded-for");
  t.after(() => gateway[Symbol.asyncDispose]());
  const forwarded = ask("X-Forwarded-For: 6.6.6.6, 192.0.2.1", "Forwarded: for=6.6.6.6");
  assert.deepEqual(await seenAddress(gateway, forwarded), ["192.0.2.1"]);
  assert.deepEqual(await seenAddress(gateway, forwarded, "127.0.0.9"), ["127.0.0.9"]);
  assert.deepEqual(await seenAddress(gateway, ask("X-Forwarded-For: unknown")), ["127.0.0.1"]);
  const clients = gateway.log.named("request").map(({ client }) => client);
  assert.deepEqual(clients, ["192.0.2.1", "127.0.0.9", "127.0.0.1"]);
});

test("the PROXY protocol names the client of a connection", async (t) => {
  const gateway = await trusting("proxyProtocol: true");
  t.after(() => gateway[Symbol.asyncDispose]());
  const preface = "PROXY TCP4 192.0.2.1 127.0.0.1 4711 80\r\n";
  assert.deepEqual(await seenAddress(gateway, preface + ask("X-Forwarded-For: 6.6.6.6")), ["192.0.2.1"]);
  assert.deepEqual(await seenAddress(gateway, ask(), "127.0.0.9"), ["127.0.0.9"]);
});

test("a gateway that is known as https and knows no proxy says that all clients look alike", async (t) => {
  const told = async (options: TestGatewayOptions) => {
    const gateway = await TestGateway.start(options);
    t.after(() => gateway[Symbol.asyncDispose]());
    return gateway.log.named("one_address_for_all").length > 0;
  };
  const tokenIssuer = "https://gateway.test";
  const settings = "trustedProxies: { addresses: [127.0.0.1], header: forwarded }";
  assert.equal(await told({}), false);
  assert.equal(await told({ tokenIssuer }), true);
  assert.equal(await told({ tokenIssuer, settings }), false);
});
