/** What every adapter must do, over real HTTP. To add an adapter: make a `serve` for it, and run this with it. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { Agent, request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { encodeOpaqueToken } from "@portcullis/protocol";
import { AUDIENCE, newIdentifier } from "@portcullis/testing";
import type { Guard, Principal, Requirements } from "../../src/index.ts";
import { guardedApi, ISSUER } from "../guarded-api.ts";

/** A route's handler: what it answers, after it has done whatever the test wants to happen meanwhile. */
export interface TestRoute {
  readonly path: string;
  readonly requirements?: Requirements | false;
  readonly answer: (principal: Principal | undefined) => TestAnswer | Promise<TestAnswer>;
}

export interface TestAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A list is streamed, a chunk at a time. */
  readonly body: string | readonly string[];
  /** Only for a streamed body: called between two chunks. */
  readonly between?: () => void;
}

export interface TestServer {
  readonly port: number;
  close(): Promise<void>;
}

export type Serve = (guard: Guard, routes: readonly TestRoute[]) => Promise<TestServer>;

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export function adapterConformance(name: string, serve: Serve): void {
  async function run(
    work: (api: ReturnType<typeof guardedApi>, get: Get) => Promise<void>,
    routesOf: (api: ReturnType<typeof guardedApi>) => readonly TestRoute[] = () => [whoAmI],
  ): Promise<void> {
    const api = guardedApi();
    const server = await serve(api.guard, routesOf(api));
    const agent = new Agent({ keepAlive: true });
    try {
      await work(api, (path, authorization) => get(server.port, agent, path, authorization));
    } finally {
      agent.destroy();
      await server.close();
    }
  }
  const whoAmI: TestRoute = { path: "/me", answer: (principal) => ({ body: `hello ${principal?.subject}` }) };

  test(`${name}: a token of a script has its kind, and passes from the addresses that it is bound to alone`, async () => {
    const ranges = new Map<string, string>();
    const api = guardedApi({
      introspect: async (token) => saying({ allowed_addresses: [ranges.get(token)] }),
    });
    const saying = (members: object) => {
      const now = api.clock.seconds;
      const claims = {
        ...{ active: true, token_type: "Bearer", iss: ISSUER, aud: [AUDIENCE], sub: "nightly" },
        ...{ client_id: "nightly", scope: "", iat: now, exp: now + 300, jti: newIdentifier(), rv: 0 },
      };
      return { claims: { ...claims, ...members }, introspects: "any" as const };
    };
    const route: TestRoute = { path: "/me", answer: (principal) => ({ body: `${principal?.kind}` }) };
    const server = await serve(api.guard, [route]);
    const agent = new Agent();
    const askFrom = async (range: string) => {
      const token = encodeOpaqueToken("key", randomBytes(32));
      ranges.set(token, range);
      const { status, body } = await get(server.port, agent, "/me", `Bearer ${token}`);
      return status === 200 ? body : status;
    };
    try {
      assert.equal(await askFrom("127.0.0.0/8"), "api_key");
      assert.equal(await askFrom("192.0.2.0/24"), 403);
    } finally {
      agent.destroy();
      await server.close();
    }
  });

  test(`${name}: an allowed request reaches the handler with its principal`, () =>
    run(async (api, ask) => {
      const answer = await ask("/me", api.bearer());
      assert.deepEqual([answer.status, answer.body], [200, "hello user-1"]);
    }));

  test(`${name}: without a token it is 401 with a challenge and a JSON body`, () =>
    run(async (_, ask) => {
      const { status, headers, body } = await ask("/me");
      assert.equal(status, 401);
      assert.equal(headers["www-authenticate"], 'Bearer realm="https://id.example"');
      assert.match(headers["content-type"]!, /^application\/json/);
      assert.equal(headers["cache-control"], "no-store");
      assert.equal(JSON.parse(body).error, "missing_token");
    }));

  test(`${name}: a revoked token is 401 with reason and mode`, () =>
    run(async (api, ask) => {
      const sid = newIdentifier();
      api.revocations.revoke("session", sid, "logged_out");
      const { status, headers, body } = await ask("/me", api.bearer({ sid }));
      assert.equal(status, 401);
      assert.match(headers["www-authenticate"]!, /error="invalid_token".*reason="logged_out", mode="kill"$/);
      const { error, reason, mode } = JSON.parse(body);
      assert.deepEqual([error, reason, mode], ["invalid_token", "logged_out", "kill"]);
    }));

  test(`${name}: two Authorization headers are 400, though Node shows the handler only one`, () =>
    run(async (api, ask) => {
      const token = api.bearer();
      assert.equal((await ask("/me", [token, token])).status, 400);
      assert.equal((await ask("/me", [token, "Basic dXNlcjpwYXNz"])).status, 400);
    }));

  test(`${name}: a replica that is not ready is 503 with Retry-After`, () =>
    run(async (api, ask) => {
      api.revocations.ready = false;
      const { status, headers, body } = await ask("/me", api.bearer());
      assert.deepEqual([status, headers["retry-after"]], [503, "1"]);
      assert.equal(JSON.parse(body).error, "temporarily_unavailable");
    }));

  test(`${name}: a route's own requirements hold for it and for no other`, () =>
    run(
      async (api, ask) => {
        assert.equal((await ask("/write", api.bearer())).status, 403);
        assert.equal((await ask("/write", api.bearer({ scope: "orders.write" }))).status, 200);
        assert.equal((await ask("/me", api.bearer())).status, 200);
        api.revocations.ageMs = 9000;
        assert.equal((await ask("/open", api.bearer())).status, 200);
        assert.equal((await ask("/me", api.bearer())).status, 503);
        assert.equal(api.guard.counters.unconfirmed, 1);
      },
      () => [
        whoAmI,
        { path: "/write", requirements: { scopes: ["orders.write"] }, answer: () => ({ body: "written" }) },
        {
          path: "/open",
          requirements: { freshness: { policy: "open", maxAgeMs: 5000 } },
          answer: () => ({ body: "open" }),
        },
      ],
    ));

  test(`${name}: an unguarded route lets anybody in`, () =>
    run(
      async (_, ask) => assert.equal((await ask("/health")).body, "up"),
      () => [{ path: "/health", requirements: false, answer: () => ({ body: "up" }) }],
    ));

  test(`${name}: a token revoked while the handler works gets no success, nor anything the handler said`, async () => {
    for (const body of ["secret order", ["secret ", "order"]]) {
      const sid = newIdentifier();
      await run(
        async (api, ask) => {
          const { status, headers, body: text } = await ask("/slow", api.bearer({ sid }));
          assert.equal(status, 401);
          assert.equal(JSON.parse(text).reason, "kicked");
          assert.ok(!text.includes("secret"));
          assert.match(headers["content-type"]!, /^application\/json/);
          assert.deepEqual(
            [headers.etag, headers["set-cookie"], headers["content-encoding"]],
            [undefined, undefined, undefined],
          );
          assert.equal(headers["access-control-allow-origin"], "https://app.example");
          // The connection is in order: the next request on it is answered as itself.
          assert.equal((await ask("/me", api.bearer())).body, "hello user-1");
        },
        (api) => [whoAmI, { path: "/slow", answer: () => revokeAndAnswer(api, sid, body) }],
      );
    }
  });

  test(`${name}: a replica that grew too old while the handler works is 503`, () =>
    run(
      async (api, ask) => assert.equal((await ask("/slow", api.bearer())).status, 503),
      (api) => [
        {
          path: "/slow",
          answer: () => {
            api.revocations.ageMs = 9000;
            return { body: "late" };
          },
        },
      ],
    ));

  test(`${name}: an error that the handler reports stays what it is`, () =>
    run(
      async (api, ask) => {
        const answer = await ask("/gone", api.bearer());
        assert.deepEqual([answer.status, answer.body], [410, "gone"]);
      },
      (api) => [
        {
          path: "/gone",
          answer: () => {
            api.revocations.revoke("subject", "user-1", "banned");
            return { status: 410, body: "gone" };
          },
        },
      ],
    ));

  test(`${name}: a response that has started goes on`, () =>
    run(
      async (api, ask) => assert.equal((await ask("/stream", api.bearer())).body, "onetwo"),
      (api) => [
        {
          path: "/stream",
          answer: () => ({
            body: ["one", "two"],
            between: () => api.revocations.revoke("subject", "user-1", "banned"),
          }),
        },
      ],
    ));

  test(`${name}: requirements that cannot work are refused when the route is made`, async () => {
    const { guard } = guardedApi();
    const route = { path: "/x", answer: () => ({ body: "" }) };
    for (const requirements of [
      { freshness: { policy: "always", maxAgeMs: 1 } },
      { scopes: ["a b"] },
    ] as never[]) {
      await assert.rejects(serve(guard, [{ ...route, requirements }]), { code: "invalid_configuration" });
    }
  });

  test(`${name}: a token in the query or in a cookie is no credentials`, () =>
    run(async (api, ask) => {
      assert.equal((await ask(`/me?access_token=${api.mint()}`)).status, 401);
    }));
}

const responseHeaders = {
  "content-type": "text/plain",
  "access-control-allow-origin": "https://app.example",
  etag: '"secret"',
  "set-cookie": "secret=1",
  "content-encoding": "identity",
};

function revokeAndAnswer(
  api: ReturnType<typeof guardedApi>,
  sid: string,
  body: TestAnswer["body"],
): TestAnswer {
  api.revocations.revoke("session", sid, "kicked");
  return { headers: responseHeaders, body };
}

type Get = (path: string, authorization?: string | readonly string[]) => Promise<Answer>;

function get(
  port: number,
  agent: Agent,
  path: string,
  authorization?: string | readonly string[],
): Promise<Answer> {
  if (Array.isArray(authorization)) return getWithTwoHeaders(port, path, authorization);
  return new Promise((resolve, reject) => {
    const headers = authorization === undefined ? {} : { authorization: authorization as string };
    httpRequest({ port, path, agent, headers }, (response) => {
      let body = "";
      response.setEncoding("utf8").on("data", (chunk) => {
        body += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
      response.on("error", reject);
    })
      .on("error", reject)
      .end();
  });
}

/** By hand: no client sends two. */
function getWithTwoHeaders(port: number, path: string, values: readonly string[]): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const lines = values.map(
      (value, index) => `${index === 0 ? "Authorization" : "aUTHORIZATION"}: ${value}\r\n`,
    );
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n${lines.join("")}Connection: close\r\n\r\n`),
    );
    let text = "";
    socket.setEncoding("latin1").on("data", (chunk) => {
      text += chunk;
    });
    socket.on("end", () => resolve({ status: Number(text.slice(9, 12)), headers: {}, body: text }));
    socket.on("error", reject);
  });
}
