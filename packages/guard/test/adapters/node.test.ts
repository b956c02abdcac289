import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { guarded } from "../../src/adapters/node.ts";
import type { Guard } from "../../src/index.ts";
import { guardedApi } from "../guarded-api.ts";
import { adapterConformance, type TestAnswer, type TestRoute, type TestServer } from "./conformance.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

async function serve(guard: Guard, routes: readonly TestRoute[]): Promise<TestServer> {
  const handlers = new Map(routes.map((route) => [route.path, handlerOf(guard, route)]));
  return listen((request, response) =>
    handlers.get(new URL(request.url!, "http://x").pathname)!(request, response),
  );
}

function handlerOf(guard: Guard, { requirements, answer }: TestRoute): Handler {
  if (requirements === false) return async (_, response) => send(response, await answer(undefined));
  const options = requirements === undefined ? { guard } : { guard, requirements };
  return guarded(options, async (_, response, { principal }) => send(response, await answer(principal)));
}

async function listen(handler: Handler): Promise<TestServer> {
  const server = createServer(handler);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { port: (server.address() as AddressInfo).port, close };
}

function send(response: ServerResponse, { status = 200, headers = {}, body, between }: TestAnswer): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  if (typeof body === "string") return void response.end(body);
  for (const [index, chunk] of body.entries()) {
    response.write(chunk);
    if (index === 0) between?.();
  }
  response.end();
}

adapterConformance("node", serve);

test("node: the address of the client is the one that clientAddress gives, where proxies stand in front", async () => {
  const seen: (string | undefined)[] = [];
  const api = guardedApi();
  const guard: Guard = {
    counters: api.guard.counters,
    authenticate: (authorization, requirements, caller) => {
      seen.push(caller?.address);
      return api.guard.authenticate(authorization, requirements);
    },
  };
  const clientAddress = ({ headers }: IncomingMessage) => String(headers["x-real-ip"]);
  const server = await listen(guarded({ guard, clientAddress }, () => {}));
  try {
    await fetch(`http://127.0.0.1:${server.port}/`, { headers: { "x-real-ip": "192.0.2.9" } });
    assert.deepEqual(seen, ["192.0.2.9"]);
  } finally {
    await server.close();
  }
});

const WAYS: readonly (readonly [what: string, respond: (response: ServerResponse) => unknown])[] = [
  ["writeHead and end", (response) => response.writeHead(200, { "content-length": 6 }).end("secret")],
  ["flushHeaders, then end", (response) => [response.flushHeaders(), response.end("secret")]],
  ["write with a callback, then end", (response) => response.write("secret", () => response.end("secret"))],
  ["end with a callback", (response) => new Promise<void>((resolve) => response.end("secret", resolve))],
  ["a pipeline", (response) => pipeline(Readable.from(["secret", "secret"]), response)],
];
for (const [what, respond] of WAYS) {
  test(`node: a response started by ${what} is stopped, and the handler comes to its end`, async () => {
    const api = guardedApi();
    const ended = Promise.withResolvers<void>();
    const handler = guarded({ guard: api.guard }, async (_, response) => {
      api.revocations.revoke("subject", "user-1", "banned");
      await respond(response);
      ended.resolve();
    });
    const server = await listen(handler);
    const answer = await fetch(`http://127.0.0.1:${server.port}/`, {
      headers: { authorization: api.bearer() },
    });
    assert.equal(answer.status, 401);
    assert.equal((await answer.json()).reason, "banned");
    await ended.promise;
    await server.close();
  });
}
