/**
 * Each request goes to one server twice: by the fast path, and to the library alone. Both must answer alike, log alike and note alike. Of each request
 * it is also known which of the two answers it.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type IncomingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";
import { after, before, describe, it } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import { decodeProtectedHeader } from "jose";
import { claimsOf } from "../app.ts";
import {
  basicOf,
  OTHER_RESOURCE,
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../server-under-test.ts";

const SLASHED = "https://slashed.portcullis.example/";
const GRANT = "grant_type=client_credentials";
const ORDERS = `resource=${encodeURIComponent(RESOURCE)}`;
const PLAIN = `${GRANT}&${ORDERS}&scope=orders.read`;
const SECRET = "service-secret-0123456789abcdef";
const FORM = "application/x-www-form-urlencoded";

let server: ServerUnderTest;
/** Names of the steps of the issuing phase that were done. */
const done: string[] = [];
let failing: string | undefined;

before(async () => {
  server = await startServer({
    testHooks: {
      failpoint(step) {
        done.push(step);
        if (step === failing) throw new Error(`failed after ${step}`);
      },
      handlerOf(library, withFastPath) {
        const fast = withFastPath((incoming, response) => {
          response.setHeader("x-answered-by", "library");
          return library(incoming, response);
        });
        return (incoming, response) =>
          "x-library-alone" in incoming.headers ? library(incoming, response) : fast(incoming, response);
      },
    },
    change({ clients, resources }) {
      (resources as object[]).push({ identifier: SLASHED, name: "Slashed", scopes: { read: "Read" } });
      const [, , service] = clients as [object, object, object];
      const of = (clientId: string, more: object) =>
        (clients as object[]).push({
          ...service,
          clientId,
          name: clientId,
          clientSecret: `${clientId}-secret-0123456789abcdef`,
          ...more,
        });
      of("two-apis", { resources: { [RESOURCE]: ["orders.read"], [OTHER_RESOURCE]: ["bills.read"] } });
      of("brief", { accessTokenTtlSeconds: 60 });
      of("slashed", { resources: { [SLASHED]: ["read"] } });
      of("disabled", {});
      of("noted", {});
      of("signs-in", {
        grantTypes: ["authorization_code"],
        redirectUris: ["https://app.example/callback"],
      });
    },
  });
  await server.server.storage.write(async ({ db }) => {
    await db
      .updateTable("oidc_clients")
      .set({ disabled_at: 1 })
      .where("client_id", "=", "disabled")
      .execute();
  });
});
after(() => server.stop());

interface Sent {
  readonly body?: string | readonly string[];
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly path?: string;
}

interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Record<string, unknown>;
  readonly log: readonly object[];
}

async function send({ body = PLAIN, headers = {}, path = "/token" }: Sent, alone: boolean): Promise<Answer> {
  const begun = server.log.length;
  const parts = [body].flat();
  const all = {
    "content-type": FORM,
    authorization: basicOf("service"),
    ...(parts.length === 1 ? { "content-length": String(Buffer.byteLength(parts[0]!)) } : {}),
    ...(alone ? { "x-library-alone": "yes" } : {}),
    ...headers,
  };
  const sent = request(`${server.issuer}${path}`, { method: "POST", agent: false });
  for (const [name, value] of Object.entries(all)) if (value !== undefined) sent.setHeader(name, value);
  sent.flushHeaders();
  for (const part of parts) await new Promise((resolve) => sent.write(part, resolve));
  sent.end();
  const [response] = await once(sent, "response");
  return {
    status: response.statusCode,
    headers: response.headers,
    body: JSON.parse((await text(response)) || "{}"),
    log: await linesSince(begun),
  };
}

/** What differs from one answer to the next is replaced by what it has to be like. */
function comparable({ status, headers, body, log }: Answer) {
  const { date: _date, "x-answered-by": _by, "content-length": _length, ...others } = headers;
  const token = body.access_token as string | undefined;
  if (token === undefined) return { status, headers: others, body, log };
  const { jti, iat, exp, ...claims } = claimsOf(token) as unknown as Record<string, unknown>;
  assert.match(String(jti), /^[\w-]{22}$/);
  const members = Object.keys(claimsOf(token));
  const life = Number(exp) - Number(iat);
  return {
    status,
    log,
    headers: others,
    body: { ...body, access_token: { header: decodeProtectedHeader(token), claims, life, members } },
  };
}

const OF_REQUESTS: readonly unknown[] = ["request", "token_refused", "server_error", "request_failed"];

/** What is logged of a request; the last line is written once the answer is out. */
async function linesSince(start: number): Promise<object[]> {
  const lines = () =>
    server.log
      .slice(start)
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ event }) => OF_REQUESTS.includes(event));
  await until(() => lines().some(({ event }) => event === "request"), {
    what: "the line of the request",
    everyMs: 2,
  });
  return lines().map(({ time: _time, ms: _ms, ...others }) => others);
}

/** Asks both. Gives the one answer, what was logged of it, and whose it was. */
async function ask(sent: Sent) {
  const answers: Record<string, unknown>[] = [];
  let by: unknown;
  let answer: Answer | undefined;
  for (const alone of [false, true]) {
    answer = await send(sent, alone);
    if (!alone) by = answer.headers["x-answered-by"] ?? "fast path";
    answers.push(comparable(answer));
  }
  assert.deepEqual(answers[0], answers[1]);
  return { by, status: answer!.status, body: answer!.body };
}

const basic = (text: string) => `Basic ${Buffer.from(text).toString("base64")}`;
const inBody = { authorization: undefined };
const other = (headers: Sent["headers"]): Sent => ({ headers: headers! });

const BY_FAST_PATH: Readonly<Record<string, Sent>> = {
  "a secret in the header": {},
  "a secret in the body": { body: `${PLAIN}&client_id=service&client_secret=${SECRET}`, headers: inBody },
  "the name in the body too": { body: `${PLAIN}&client_id=service` },
  "no scope": { body: `${GRANT}&${ORDERS}` },
  "no resource, and an app of one API": { body: `${GRANT}&scope=orders.read` },
  "more scopes than it has": { body: `${PLAIN}%20orders.write%20openid` },
  "a scope twice": { body: `${PLAIN}+orders.read` },
  "a charset": other({ "content-type": `${FORM}; charset=UTF-8` }),
  "a life of the app": other({ authorization: basicOf("brief") }),
  "a body in two parts": {
    body: [GRANT, `&${ORDERS}`],
    headers: { "content-length": String(GRANT.length + 1 + ORDERS.length) },
  },
};

const BY_LIBRARY: Readonly<Record<string, readonly [status: number, error: string | undefined, sent: Sent]>> =
  {
    "grant_type twice": [400, "invalid_request", { body: `${PLAIN}&${GRANT}` }],
    "scope twice": [400, "invalid_request", { body: `${PLAIN}&scope=orders.read` }],
    "resource twice": [200, undefined, { body: `${PLAIN}&${ORDERS}` }],
    "client_id twice": [400, "invalid_request", { body: `${PLAIN}&client_id=service&client_id=service` }],
    "two kinds of authentication": [
      400,
      "invalid_request",
      { body: `${PLAIN}&client_id=service&client_secret=${SECRET}` },
    ],
    "an assertion beside a secret": [400, "invalid_request", { body: `${PLAIN}&client_assertion=a.b.c` }],
    "two names": [400, "invalid_request", { body: `${PLAIN}&client_id=billing` }],
    "no authentication": [400, "invalid_request", { headers: inBody }],
    "a name alone": [401, "invalid_client", { body: `${PLAIN}&client_id=service`, headers: inBody }],
    "an empty secret": [400, "invalid_request", other({ authorization: basic("service:") })],
    "a wrong secret": [401, "invalid_client", other({ authorization: basic("service:wrong") })],
    "a wrong secret in the body": [
      401,
      "invalid_client",
      { body: `${PLAIN}&client_id=service&client_secret=wrong`, headers: inBody },
    ],
    "the secret of another": [
      401,
      "invalid_client",
      other({ authorization: basic("billing:service-secret-0123456789abcdef") }),
    ],
    "a client that is not there": [401, "invalid_client", other({ authorization: basic("nobody:secret") })],
    "a client that is disabled": [401, "invalid_client", other({ authorization: basicOf("disabled") })],
    "a client without secrets": [401, "invalid_client", other({ authorization: basic("web:secret") })],
    "a client of another grant": [400, "invalid_request", other({ authorization: basicOf("signs-in") })],
    "another scheme": [400, "invalid_request", other({ authorization: "Bearer abc" })],
    "a header that is no base64": [400, "invalid_request", other({ authorization: "Basic ***" })],
    "a header without a colon": [400, "invalid_request", other({ authorization: basic("service") })],
    "a header with a bad escape": [400, "invalid_request", other({ authorization: basic("service:%zz") })],
    "an escaped name": [200, undefined, other({ authorization: basic(`%73ervice:${SECRET}`) })],
    "another letter case of the scheme": [
      200,
      undefined,
      other({ authorization: basicOf("service").replace("B", "b") }),
    ],
    "a name that means another one when it is decoded": [
      401,
      "invalid_client",
      other({ authorization: basic(`service%20:${SECRET}`) }),
    ],
    "a scope that it has not": [400, "invalid_scope", { body: `${GRANT}&${ORDERS}&scope=orders.write` }],
    "a scope with a quotation mark": [400, "invalid_scope", { body: `${GRANT}&${ORDERS}&scope=%22` }],
    "a scope with two spaces": [400, "invalid_scope", { body: `${PLAIN}%20%20orders.write` }],
    "an empty scope": [200, undefined, { body: `${GRANT}&${ORDERS}&scope=` }],
    "an API that is not there": [400, "invalid_target", { body: `${GRANT}&resource=https://nobody.example` }],
    "an API of others": [
      400,
      "invalid_target",
      { body: `${GRANT}&resource=${encodeURIComponent(OTHER_RESOURCE)}` },
    ],
    "an API that is no URL": [400, "invalid_target", { body: `${GRANT}&resource=orders` }],
    "an API with a fragment": [
      400,
      "invalid_target",
      { body: `${GRANT}&resource=${encodeURIComponent(`${RESOURCE}#x`)}` },
    ],
    "an API in its other spelling": [
      200,
      undefined,
      {
        body: `${GRANT}&resource=https://slashed.portcullis.example&scope=read`,
        headers: { authorization: basicOf("slashed") },
      },
    ],
    "no resource, and an app of two APIs": [
      400,
      "invalid_target",
      { body: GRANT, headers: { authorization: basicOf("two-apis") } },
    ],
    "a member of every object as a resource": [
      400,
      "invalid_target",
      { body: `${GRANT}&resource=__proto__` },
    ],
    "a parameter that nobody knows": [200, undefined, { body: `${PLAIN}&audience=x` }],
    "another grant": [400, "unsupported_grant_type", { body: "grant_type=password" }],
    "no grant": [400, "invalid_request", { body: ORDERS }],
    "a grant in other letters": [400, "unsupported_grant_type", { body: "grant_type=Client_Credentials" }],
    "no body": [400, "invalid_request", { body: "" }],
    JSON: [400, "invalid_request", { body: "{}", headers: { "content-type": "application/json" } }],
    "no content type": [400, "invalid_request", other({ "content-type": undefined })],
    "another charset": [200, undefined, other({ "content-type": `${FORM}; charset=iso-8859-1` })],
    "a charset that is none": [200, undefined, other({ "content-type": `${FORM}; charset=nonsense` })],
    "a body in chunks": [200, undefined, { body: [GRANT, `&${ORDERS}`] }],
    "a long body": [200, undefined, { body: `${PLAIN}&more=${"x".repeat(5000)}` }],
    "an origin of a page": [400, "invalid_request", other({ origin: "https://app.example" })],
    "a proof of a key": [200, undefined, other({ dpop: "a.b.c" })],
    "an attestation": [400, "invalid_request", other({ "oauth-client-attestation": "a.b.c" })],
    "a query": [200, undefined, { path: "/token?grant_type=password" }],
  };

describe("client credentials by the fast path and by the library", () => {
  for (const [name, sent] of Object.entries(BY_FAST_PATH)) {
    it(`are answered alike, by the fast path: ${name}`, async () => {
      const { by, status } = await ask(sent);
      assert.deepEqual({ by, status }, { by: "fast path", status: 200 });
    });
  }

  for (const [name, [expected, error, sent]] of Object.entries(BY_LIBRARY)) {
    it(`are left to the library: ${name}`, async () => {
      const { by, status, body } = await ask(sent);
      assert.deepEqual({ by, status, error: body.error }, { by: "library", status: expected, error });
    });
  }

  it("note that the secret was used", async () => {
    const used = async () => {
      await server.prune();
      const rows = server.server.storage.read.selectFrom("client_secrets").select("last_used_at");
      return (await rows.where("client_id", "=", "noted").executeTakeFirstOrThrow()).last_used_at;
    };
    assert.equal(await used(), null);
    const { headers } = await send({ headers: { authorization: basicOf("noted") } }, false);
    assert.equal(headers["x-answered-by"], undefined);
    assert.notEqual(await used(), null);
  });

  it("go through all of the issuing phase, in its order, the head of the log first", async () => {
    done.length = 0;
    assert.equal((await ask({})).by, "fast path");
    const half = done.length / 2;
    assert.deepEqual(done.slice(0, half), done.slice(half));
    assert.deepEqual([done[0], done[half - 1]], ["sample_horizon", "signing_key_still_live"]);
  });

  it("are answered by the library when the issuing phase refuses them, which happens before anything is signed", async (t) => {
    t.after(() => {
      failing = undefined;
    });
    for (const step of ["client_enabled", "verdict_allows", "signing_key_still_live"]) {
      failing = step;
      const { by, body } = await ask({});
      assert.deepEqual({ step, by, token: body.access_token }, { step, by: "library", token: undefined });
    }
  });

  it("ask for the head of the log once where that fails, and are 503", async (t) => {
    t.after(() => {
      failing = undefined;
    });
    failing = "sample_horizon";
    done.length = 0;
    const { status, headers } = await send({}, false);
    assert.deepEqual(
      { status, retry: headers["retry-after"], done },
      { status: 503, retry: "1", done: ["sample_horizon"] },
    );
    await ask({});
  });
});
