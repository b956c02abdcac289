import assert from "node:assert/strict";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { test } from "node:test";
import fastify, { type FastifyReply } from "fastify";
import { fastifyGuard } from "../../src/adapters/fastify.ts";
import type { Guard } from "../../src/index.ts";
import { guardedApi } from "../guarded-api.ts";
import { adapterConformance, type TestAnswer, type TestRoute, type TestServer } from "./conformance.ts";

async function serve(guard: Guard, routes: readonly TestRoute[]): Promise<TestServer> {
  const app = fastify();
  await app.register(fastifyGuard, { guard });
  for (const { path, requirements, answer } of routes) {
    const config = requirements === undefined ? {} : { guard: requirements };
    app.get(path, { config }, async (request, reply) => {
      const principal = requirements === false ? undefined : request.principal;
      return send(reply, await answer(principal));
    });
  }
  await app.listen({ port: 0, host: "127.0.0.1" });
  return { port: (app.server.address() as AddressInfo).port, close: () => app.close() };
}

function send(reply: FastifyReply, { status = 200, headers = {}, body, between }: TestAnswer): FastifyReply {
  reply.code(status).headers(headers);
  return reply.send(typeof body === "string" ? body : Readable.from(chunksOf(body, between)));
}

async function* chunksOf(chunks: readonly string[], between: (() => void) | undefined) {
  for (const [index, chunk] of chunks.entries()) {
    yield Buffer.from(chunk);
    if (index === 0) between?.();
  }
}

adapterConformance("fastify", serve);

test("fastify: routes of an encapsulated scope are guarded only by the guard of that scope", async () => {
  const { guard } = guardedApi();
  const app = fastify();
  app.register(async (scope) => {
    await scope.register(fastifyGuard, { guard });
    scope.get("/in", async () => "in");
  });
  app.get("/out", async () => "out");
  assert.equal((await app.inject("/in")).statusCode, 401);
  assert.equal((await app.inject("/out")).body, "out");
  await app.close();
});

test("fastify: a guarded scope answers 401 for a route that does not exist", async () => {
  const { guard, bearer } = guardedApi();
  const app = fastify();
  await app.register(fastifyGuard, { guard });
  assert.equal((await app.inject("/nothing")).statusCode, 401);
  assert.equal((await app.inject({ url: "/nothing", headers: { authorization: bearer() } })).statusCode, 404);
  await app.close();
});

test("fastify: reading the principal of an unguarded route throws", async () => {
  const { guard } = guardedApi();
  const app = fastify();
  await app.register(fastifyGuard, { guard });
  app.get("/health", { config: { guard: false } }, async (request) => request.principal.subject);
  const answer = await app.inject("/health");
  assert.equal(answer.statusCode, 500);
  assert.match(answer.body, /not guarded/);
  await app.close();
});

test("fastify: a Response or a web stream starts no success either, and its source is told to stop", async () => {
  const { guard, bearer, revocations } = guardedApi();
  const app = fastify();
  await app.register(fastifyGuard, { guard });
  let cancelled = 0;
  const endless = () =>
    new ReadableStream({
      pull: (controller) => controller.enqueue(new TextEncoder().encode("late orders")),
      cancel: () => void cancelled++,
    });
  const answers: Record<string, (reply: FastifyReply) => FastifyReply> = {
    "/stream": (reply) => reply.send(endless()),
    "/response": (reply) => reply.send(new Response(endless())),
    // Fastify takes the status of the Response, whatever was set before.
    "/overruled": (reply) => reply.code(404).send(new Response(endless(), { status: 200 })),
  };
  for (const [path, answer] of Object.entries(answers)) {
    app.get(path, async (_, reply) => {
      revocations.revoke("subject", "user-1", "banned");
      return answer(reply);
    });
  }
  for (const [at, url] of Object.keys(answers).entries()) {
    // Issued after the revocations of the rounds before.
    const answer = await app.inject({ url, headers: { authorization: bearer({ rv: 100 + at }) } });
    assert.equal(answer.statusCode, 401, url);
    assert.equal(answer.json().reason, "banned");
    assert.equal(cancelled, at + 1, url);
  }
  await app.close();
});
