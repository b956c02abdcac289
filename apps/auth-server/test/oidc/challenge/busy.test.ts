/** Signing in by JSON at a server that cannot look at a password now, or cannot store. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import Fastify from "fastify";
import { UnsecuredJWT } from "jose";
import { sql } from "kysely";
import type { Client, Provider } from "oidc-provider";
import { createAuthSessions } from "../../../src/oidc/challenge/auth-sessions.ts";
import { challengeRoutes } from "../../../src/oidc/challenge/challenge-routes.ts";
import { signInError } from "../../../src/sign-in/errors.ts";
import { ALICE, type ServerUnderTest } from "../server-under-test.ts";
import { asking, codeIn, errorOf, JsonApp, startForJson, stepOf } from "./json-app.ts";

/** Rows of each kind that strangers can make. */
const MOST = 100;
/** It is counted now and then. */
const SLACK = 20;

let server: ServerUnderTest;
before(async () => {
  server = await startForJson((document) => {
    Object.assign(document, { limits: { signInAttemptsPerMinute: 40, rowsOfStrangers: MOST } });
  });
});
after(() => server.stop());

describe("at a server that has too much to do", () => {
  it("a page hears why, and when to come again, though nobody knows yet whose it is", async () => {
    const app = new JsonApp(server, { address: "192.0.2.99" });
    const answers = [];
    for (let sent = 0; sent < 42; sent++) answers.push(await app.send({ client_id: "nobody" }));
    const refused = answers.at(-1)!;
    assert.deepEqual(errorOf(refused), [429, "too_many_requests"]);
    assert.equal(refused.headers["access-control-allow-origin"], "*");
    assert.ok(Number(refused.headers["retry-after"]) > 0);
  });

  it("strangers fill nothing: the oldest sign-ins make way, and a new one goes on", async () => {
    const first = await new JsonApp(server, { address: "198.51.100.1" }).begin();
    for (let begun = 0; begun < MOST + 2 * SLACK; begun++)
      await new JsonApp(server, { address: `198.51.100.${2 + Math.floor(begun / 30)}` }).begin();
    const { rows } = await sql<{ count: number }>`
      select count(*) as count from oidc_artefacts where model = 'AuthSession'`.execute(
      server.server.storage.read,
    );
    assert.ok(Number(rows[0]!.count) <= MOST + SLACK, `${rows[0]!.count} rows`);
    const app = new JsonApp(server, { address: "198.51.100.200" });
    assert.deepEqual(errorOf(await app.goOn(first, ALICE)), [400, "invalid_session"]);
    const asked = await app.begin();
    assert.deepEqual(stepOf(asked), asking("password", ["username", "password"]));
    codeIn(await app.goOn(asked, ALICE));
  });
});

/** The endpoint alone: the request is in order, and no password can be looked at. */
function endpointThatIsBusy({ keepsRequests = true } = {}) {
  const client = {
    clientId: "shop",
    redirectUris: [],
    portcullis_first_party: true,
    portcullis_json_sign_in: true,
  };
  const request = new UnsecuredJWT({}).setIssuer("shop").encode();
  const provider = {
    PushedAuthorizationRequest: { find: async () => (keepsRequests ? { request } : undefined) },
  };
  const { artefacts } = artefactsInMemory();
  const app = Fastify();
  const routes = challengeRoutes({
    provider: provider as unknown as Provider,
    findClient: async () => client as unknown as Client,
    callLibrary: async () => ({
      status: 201,
      location: undefined,
      headers: {},
      text: JSON.stringify({ request_uri: "urn:ietf:params:oauth:request_uri:one", expires_in: 60 }),
      cookies: {},
    }),
    authSessions: createAuthSessions({ artefacts, randomBytes }),
    sessions: { find: async () => undefined },
    endings: { endSession: async () => undefined },
    signIn: async () => {
      throw signInError("sign_in_busy");
    },
    choicesFor: async () => undefined,
    clientAddressOf: () => "192.0.2.1",
    randomBytes,
  });
  void app.register(routes);
  return async (fields: Record<string, string>) => {
    const answer = await app.inject({
      method: "POST",
      url: "/authorize-challenge",
      headers: { "content-type": "application/x-www-form-urlencoded" },
      payload: new URLSearchParams({ client_id: "shop", ...fields }).toString(),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: answer.json<Record<string, string>>(),
    };
  };
}

function artefactsInMemory() {
  const kept = new Map<string, { payload: object; consumed?: number }>();
  const artefacts = {
    async save({ id, payload }: { id: string; payload: object }) {
      kept.set(id, { payload });
    },
    async find(_model: string, id: string) {
      const found = kept.get(id);
      return (
        found && { ...found.payload, ...(found.consumed === undefined ? {} : { consumed: found.consumed }) }
      );
    },
    async consume(_model: string, id: string) {
      kept.get(id)!.consumed = 1;
    },
  };
  return { artefacts: artefacts as unknown as Parameters<typeof createAuthSessions>[0]["artefacts"] };
}

describe("whoever's request had to make way for those of others", () => {
  it("is told to come again", async () => {
    const send = endpointThatIsBusy({ keepsRequests: false });
    const { status, body, headers } = await send({ ...ALICE, code_challenge: "a".repeat(43) });
    assert.deepEqual([status, body.error, headers["retry-after"]], [503, "temporarily_unavailable", "1"]);
  });
});

describe("whoever is sent away while passwords cannot be looked at", () => {
  it("hears when to come again, and takes the same step then with the auth_session of the answer", async () => {
    const send = endpointThatIsBusy();
    let answer = await send({ ...ALICE, code_challenge: "a".repeat(43) });
    for (let tries = 0; tries < 3; tries++) {
      const { status, headers, body } = answer;
      assert.deepEqual([status, body.error, headers["retry-after"]], [503, "temporarily_unavailable", "5"]);
      answer = await send({ ...ALICE, auth_session: body.auth_session! });
      const again = await send({ ...ALICE, auth_session: body.auth_session! });
      assert.equal(again.body.error, "invalid_session");
    }
  });
});
