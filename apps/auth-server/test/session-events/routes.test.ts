/** What happens between the question of an app and its stream: who keeps a place, and who is told what. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, request, type ServerResponse } from "node:http";
import { it } from "node:test";
import Fastify, { type FastifyInstance } from "fastify";
import type { AppInSession } from "../../src/oidc/index.ts";
import { type SessionEventsOptions, sessionEventRoutes } from "../../src/session-events/routes.ts";

const APP: AppInSession = {
  clientId: "web",
  accountId: "alice",
  sid: "s",
  gid: "g",
  kid: "k",
  claims: { iss: "https://id.example", iat: 0, exp: 1 },
};
const HEADERS = { authorization: "Bearer a.b.c" };

const serving = (options: Pick<SessionEventsOptions, "streams" | "takePlace">): FastifyInstance =>
  Fastify().register(
    sessionEventRoutes({
      ...options,
      verifyIdToken: async () => APP,
      describe: async () => ({}),
      findClient: async () => undefined,
      clientAddressOf: () => "127.0.0.1",
    }),
  ) as unknown as FastifyInstance;

const urlOf = async (served: FastifyInstance): Promise<string> =>
  `${await served.listen({ host: "127.0.0.1", port: 0 })}/session/events`;

it("whoever leaves while the session is looked at keeps no place", async (t) => {
  let [taken, sent] = [0, undefined as ClientRequest | undefined];
  let response: ServerResponse;
  const opened = Promise.withResolvers<void>();
  const served = serving({
    streams: {
      async standingOf() {
        sent!.destroy();
        await once(response, "close");
        return { stands: true };
      },
      open: () => opened.resolve(),
    },
    takePlace() {
      taken++;
      return () => void taken--;
    },
  });
  t.after(() => served.close());
  served.addHook("onRequest", async (_request, reply) => {
    response = reply.raw;
  });
  sent = request(await urlOf(served), { headers: HEADERS, agent: false });
  sent.on("error", () => undefined).end();
  await opened.promise;
  assert.equal(taken, 0);
});

it("an app whose ID token has lost its key meanwhile is refused, and not told that its session is over", async (t) => {
  const unreached = () => assert.fail("no stream is opened");
  const served = serving({
    streams: { standingOf: async () => "unproved", open: unreached },
    takePlace: unreached,
  });
  t.after(() => served.close());
  const answer = await fetch(await urlOf(served), { headers: HEADERS });
  assert.equal(answer.status, 401);
  const { error, mode, reason } = (await answer.json()) as Record<string, unknown>;
  assert.deepEqual([error, mode, reason], ["invalid_token", undefined, undefined]);
});
