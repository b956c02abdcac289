/** When a caller is judged: by the age of the sign-in, and again once a body that took its time is there. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, it } from "node:test";
import Fastify from "fastify";
import { z } from "zod";
import {
  type Authenticate,
  type DeclaredRoute,
  declaredRoutes,
  declareRoute,
  OAUTH_ERROR,
  PROBLEM_DETAILS,
} from "../src/index.ts";
import { authenticate, changeOrder, NOW, openShop, refused } from "./support/shop.ts";

describe("a route that asks for a fresh sign-in", () => {
  const fresh: DeclaredRoute = { ...changeOrder, maxSignInAgeSeconds: 300 };

  for (const form of [PROBLEM_DETAILS, OAUTH_ERROR]) {
    it(`challenges whoever has signed in too long ago, before the body is read (${form.mediaType})`, async () => {
      const { change } = openShop(form, [fresh]);
      const old = await change({ body: "{", headers: { "signed-in-at": String(NOW - 301) } });
      assert.equal(old.statusCode, 401);
      assert.equal(old.json().error, "insufficient_user_authentication");
      assert.match(
        String(old.headers["www-authenticate"]),
        /^Bearer error="insufficient_user_authentication", error_description="[^"]+", max_age="300"$/,
      );
      const { statusCode } = await change({ headers: { "signed-in-at": String(NOW - 300) } });
      assert.equal(statusCode, 200);
    });
  }

  it("challenges whoever does not say when, and names other causes first", async () => {
    const { change } = openShop(PROBLEM_DETAILS, [fresh]);
    assert.equal((await change()).json().code, "insufficient_user_authentication");
    assert.equal((await change({ headers: { authorization: "" } })).json().code, "missing_token");
  });

  it("is not mounted where nobody says what is fresh", async () => {
    const log = { warn() {}, error() {} };
    const app = Fastify();
    app.register(declaredRoutes([fresh], { authenticate, form: PROBLEM_DETAILS, log }), { prefix: "/shop" });
    await assert.rejects(async () => app.ready(), { code: "route_not_declared" });
  });
});

describe("a caller whose token ends while the body is still awaited", () => {
  /** A call with half of its body, once the caller has been judged; and whether the route was called. */
  async function openedCall() {
    let isRevoked = false;
    let isMade = false;
    const judged = new EventEmitter();
    const app = Fastify();
    const judge: Authenticate = async (request, scope) => {
      setImmediate(() => judged.emit("judged"));
      return isRevoked ? refused(401, "invalid_token") : authenticate(request, scope);
    };
    const route = declareRoute({
      tag: "Orders",
      operationId: "createOrder",
      method: "POST",
      path: "/orders",
      summary: "Create an order",
      scope: "orders.write",
      body: { schema: z.object({ count: z.int() }), example: { count: 1 } },
      answers: { 200: { says: "Made.", schema: z.object({}), example: {} } },
      errors: [],
      async handle() {
        isMade = true;
        return { status: 200, body: {} };
      },
    });
    const log = { warn: () => {}, error: () => {} };
    app.register(declaredRoutes([route], { authenticate: judge, form: PROBLEM_DETAILS, log }));
    await app.listen({ host: "127.0.0.1", port: 0 });
    const { port } = app.server.address() as AddressInfo;
    const headers = {
      authorization: "Bearer cashier",
      "content-type": "application/json",
      "content-length": 11,
    };
    const call = httpRequest({ host: "127.0.0.1", port, method: "POST", path: "/orders", headers });
    const answered = once(call, "response");
    const first = once(judged, "judged");
    call.write('{"coun');
    await first;
    return {
      revoke() {
        isRevoked = true;
      },
      async finish() {
        call.end('t":1}');
        const [answer] = await answered;
        answer.resume();
        await app.close();
        return { status: answer.statusCode, isMade };
      },
    };
  }

  it("is refused when it comes, and nothing is done", async () => {
    const call = await openedCall();
    call.revoke();
    assert.deepEqual(await call.finish(), { status: 401, isMade: false });
  });

  it("is served when the token still stands", async () => {
    const call = await openedCall();
    assert.deepEqual(await call.finish(), { status: 200, isMade: true });
  });
});
