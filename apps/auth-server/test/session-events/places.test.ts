/** Who takes a place among the open streams, and for how long. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type ClientRequest, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { it } from "node:test";
import Fastify from "fastify";
import type { AppInSession } from "../../src/oidc/index.ts";
import { sessionEventRoutes } from "../../src/session-events/routes.ts";

const APP: AppInSession = {
  clientId: "web",
  accountId: "alice",
  sid: "s",
  gid: "g",
  kid: "k",
  claims: { iss: "https://id.example", iat: 0, exp: 1 },
};

it("whoever leaves while the session is looked at keeps no place", async (t) => {
  const served = Fastify();
  t.after(() => served.close());
  let response: ServerResponse;
  served.addHook("onRequest", async (_request, reply) => {
    response = reply.raw;
  });
  let [taken, sent] = [0, undefined as ClientRequest | undefined];
  const opened = Promise.withResolvers<void>();
  const options = {
    verifyIdToken: async () => APP,
    streams: {
      async standingOf() {
        sent!.destroy();
        await once(response, "close");
        return { stands: true } as const;
      },
      open: () => opened.resolve(),
    },
    describe: async () => ({}),
    findClient: async () => undefined,
    takePlace() {
      taken++;
      return () => void taken--;
    },
    clientAddressOf: () => "127.0.0.1",
  };
  void served.register(sessionEventRoutes(options));
  await served.listen({ host: "127.0.0.1", port: 0 });
  const { port } = served.server.address() as AddressInfo;
  const headers = { authorization: "Bearer a.b.c" };
  sent = request({ host: "127.0.0.1", port, path: "/session/events", headers, agent: false });
  sent.on("error", () => undefined).end();
  await opened.promise;
  assert.equal(taken, 0);
});
