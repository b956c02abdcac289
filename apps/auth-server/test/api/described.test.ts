import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import {
  documentProblems,
  exampleProblems,
  hiddenOperations,
  type OpenApi,
  type Operation,
  operationsOf,
  undescribedRoutes,
} from "@portcullis/testing/openapi";
import { AUTHORIZATION_CHALLENGE_PATH, ROUTES, SESSION_EVENTS_PATH } from "../../src/paths.ts";
import { machineToken } from "../oidc/app.ts";
import { type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

/**
 * What is mounted and is no API of ours: pages and their forms, endpoints of OAuth and OpenID Connect (described in the
 * metadata of RFC 8414), health. Whoever adds a line says in the review why a caller needs no description of it.
 */
const NO_API: readonly RegExp[] = [
  // What apps call by a standard, or as docs/reference says it.
  ...[...Object.values(ROUTES), AUTHORIZATION_CHALLENGE_PATH, SESSION_EVENTS_PATH].map(
    (path) => new RegExp(`^${path}(/.*)?$`),
  ),
  /^\/\.well-known\/(openid-configuration|oauth-authorization-server)$/,
  /^\/$/,
  /^\/(interaction|setup)(\/.*)?$/,
  /^\/account(\/(?!v1|openapi).*)?$/,
  /^\/health\/(live|ready)$/,
  /^\/assets\/[\w-]+\.(css|svg|js)$/,
  /^\/api\/reference$/,
];

let server: ServerUnderTest;
let administration: OpenApi;
let account: OpenApi;
before(async () => {
  server = await startServer();
  administration = await documentAt("/api/openapi.json");
  account = await documentAt("/account/openapi.json");
});
after(() => server.stop());

const documentAt = async (path: string) => json<OpenApi>(await exchange(`${server.issuer}${path}`));
const both = (): OpenApi => ({ paths: { ...administration.paths, ...account.paths } });
const operations = () => operationsOf(both());

const referredTo = (schema: object): string[] =>
  [...JSON.stringify(schema).matchAll(/"#\/components\/schemas\/([^"]+)"/g)].map(([, name]) => name!);

/** Whether the schema of one name is made of that of another, at whatever depth. */
function reaches(
  schemas: Readonly<Record<string, object>>,
  from: string,
  to: string,
  seen = new Set<string>(),
): boolean {
  return referredTo(schemas[from]!).some((name) => {
    if (name === to) return true;
    if (seen.has(name)) return false;
    seen.add(name);
    return reaches(schemas, name, to, seen);
  });
}

const patternsIn = (document: object): string[] =>
  [...JSON.stringify(document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, text]) =>
    JSON.parse(text!),
  );

describe("the description of the APIs", () => {
  it("is a document of OpenAPI 3.1 for each, which anybody may read", async () => {
    for (const document of [administration, account]) assert.deepEqual(await documentProblems(document), []);
  });

  it("can be read by generators: no schema is made of itself, and no pattern needs Unicode's categories", () => {
    for (const { components, paths } of [administration, account] as unknown as Record<string, object>[]) {
      const { schemas } = components as { readonly schemas: Readonly<Record<string, object>> };
      for (const name of Object.keys(schemas)) assert.ok(!reaches(schemas, name, name), name);
      const patterns = patternsIn({ components, paths });
      assert.ok(patterns.length > 3);
      for (const pattern of patterns) {
        assert.doesNotMatch(pattern, /\\p\{/i);
        assert.ok(new RegExp(pattern), pattern);
      }
    }
  });

  it("has the calls of administrators in one, and those of people about themselves in the other", () => {
    const pathsIn = (document: OpenApi) => Object.keys(document.paths);
    assert.ok(pathsIn(account).every((path) => path.startsWith("/account/")));
    assert.ok(pathsIn(administration).every((path) => !path.startsWith("/account/")));
    assert.ok(pathsIn(account).length >= 8);
  });

  it("has every route of the server but those that are no API", () => {
    assert.deepEqual(undescribedRoutes(server.server.routes, both(), NO_API), []);
    assert.ok(operations().length >= 15, String(operations().length));
  });

  it("has no list of what is no API that hides a declared route", () => {
    assert.deepEqual(hiddenOperations(both(), NO_API), []);
  });

  it("says of every call what it does, who may make it, and what it is refused with", () => {
    for (const { path, operation } of operations()) {
      const statuses = Object.keys(operation.responses);
      assert.ok(operation.summary.length > 10, path);
      assert.ok(statuses.includes("500"), path);
      if (path.endsWith("/openapi.json")) continue;
      assert.equal(operation.security[0]?.token?.length, 1, path);
      for (const status of ["400", "401", "403", "503"])
        assert.ok(statuses.includes(status), `${path} ${status}`);
    }
  });

  it("has an example of every answer in JSON, of every body and of every error, that fits its schema", () => {
    for (const document of [administration, account]) {
      const { checked, problems } = exampleProblems(document);
      assert.deepEqual(problems, []);
      assert.ok(checked > 100, String(checked));
    }
  });

  it("says of a wrong method which there are, in the form of the place", async () => {
    for (const [method, path, allow, mediaType] of [
      ["DELETE", "/api/v1/users", "GET, POST", "application/problem+json"],
      ["POST", "/api/openapi.json", "GET", "application/problem+json"],
      ["PUT", "/account/v1", "GET, PATCH, DELETE", "application/problem+json"],
      ["DELETE", "/revocations", "POST, GET", "application/json"],
      ["GET", "/token", "POST, OPTIONS", "application/json"],
      ["DELETE", "/userinfo", "GET, HEAD, OPTIONS, POST", "application/json"],
      ["PUT", "/authorize", "GET, HEAD, POST", "application/json"],
      ["POST", "/.well-known/openid-configuration", "GET, HEAD, OPTIONS", "application/json"],
    ] as const) {
      const answer = await fetch(server.issuer + path, { method });
      const said = (await answer.json()) as { code?: string; error?: string };
      assert.deepEqual([answer.status, said.code ?? said.error], [405, "method_not_allowed"], path);
      assert.equal(answer.headers.get("content-type")?.split(";")[0], mediaType, path);
      assert.deepEqual(
        answer.headers.get("allow")?.split(", ").toSorted(),
        allow.split(", ").toSorted(),
        path,
      );
    }
  });

  it("is refused at a path that it does not have, as a problem with a code", async () => {
    const answer = await fetch(`${server.issuer}/api/v1/nothing`);
    assert.equal(answer.headers.get("content-type"), "application/problem+json");
    assert.deepEqual([answer.status, ((await answer.json()) as { code: string }).code], [404, "not_found"]);
  });

  it("is refused at a path with an escape that is none, in the form of the place", async () => {
    for (const [path, mediaType, accept = "*/*"] of [
      ["/api/v1/users/%ff", "application/problem+json"],
      ["/api/v1/users/%", "application/problem+json"],
      ["/api/v1/nothing/%c3%28?a=%ff", "application/problem+json"],
      ["/api/openapi.json%ff", "application/problem+json"],
      ["/revocations/%ff", "application/json"],
      ["/%ff", "application/json"],
      ["/interaction/%ff", "text/html", "text/html"],
      ["/%ff", "text/html", "text/html"],
    ] as const) {
      const { status, headers, body } = await exchange(server.issuer + path, { headers: { accept } });
      assert.deepEqual([status, String(headers["content-type"]).split(";")[0]], [400, mediaType], path);
      assert.match(body, /invalid_request/, path);
      assert.match(body, /a % that begins no character/, path);
      assert.doesNotMatch(body, /FST_ERR/, path);
    }
    const long = await exchange(`${server.issuer}/api/v1/users/${"x".repeat(5000)}`);
    assert.equal(long.status, 401, "its length is nothing that the framework answers");
    const query = await exchange(`${server.issuer}/api/openapi.json?a=%ff`);
    assert.match(query.body, /"field":"a"/, "a query is read as it comes");
  });

  it("is what the server does: who is refused, and how, is as it says", async () => {
    const token = await machineToken(server.issuer, "admin", `${server.issuer}/api`, "keys.read");
    for (const { path, method, operation } of operations()) {
      if (operation.security.length === 0) continue;
      const url = `${server.issuer}${path.replace(/\{\w+\}/g, "1")}`;
      const call = (headers: Record<string, string>) =>
        exchange(url, { method: method.toUpperCase(), headers });
      checkRefusal(await call({}), operation, 401);
      if (operation.security[0]?.token?.[0] === "keys.read") continue;
      // Of another audience: a 401 of its own.
      const expected = path.startsWith("/account/") ? 401 : 403;
      checkRefusal(await call({ authorization: `Bearer ${token}` }), operation, expected);
    }
  });

  /** RFC 6750 in both forms; below `/api/v1` and `/account/v1` a problem (RFC 9457), too. */
  function checkRefusal({ status, headers, body }: Exchange, operation: Operation, expected: number) {
    const { operationId, responses } = operation;
    assert.equal(status, expected, operationId);
    assert.match(String(headers["www-authenticate"]), /^Bearer /, operationId);
    const [described] = Object.entries(responses[expected]!.content!);
    assert.equal(String(headers["content-type"]).split(";")[0], described![0], operationId);
    const refusal = JSON.parse(body);
    assert.ok(refusal.error in described![1].examples!, operationId);
    assert.equal(typeof refusal.error_description, "string", operationId);
    if (described![0] !== "application/problem+json") return;
    const { type, code, detail } = refusal;
    assert.deepEqual(
      [type, refusal.status, code, detail],
      ["about:blank", status, refusal.error, refusal.error_description],
    );
  }

  it("has one form of errors below /api/v1 and /account/v1, and the other one below /revocations", () => {
    for (const { path, operation } of operations()) {
      const types = Object.entries(operation.responses).flatMap(([status, { content = {} }]) =>
        Number(status) < 400 ? [] : Object.keys(content),
      );
      const expected = /^\/(api|account)\//.test(path) ? "application/problem+json" : "application/json";
      assert.deepEqual([...new Set(types)], [expected], path);
    }
  });
});

describe("the reference of an API", () => {
  it("shows every call of the account API at a page of its own", async () => {
    const page = await exchange(`${server.issuer}/account/reference`, { headers: { accept: "text/html" } });
    assert.equal(page.status, 200);
    for (const { operation } of operationsOf(account))
      assert.ok(page.body.includes(` id="${operation.operationId}"`), operation.operationId);
    assert.ok(page.body.includes('href="/account/openapi.json"'));
    assert.ok(page.body.includes(' id="error-insufficient_user_authentication"'));
  });

  it("shows every call, scope and error, with links that lead somewhere, and no script", async () => {
    const page = await exchange(`${server.issuer}/api/reference`, { headers: { accept: "text/html" } });
    assert.equal(page.status, 200);
    assert.match(String(page.headers["content-security-policy"]), /script-src 'none'/);
    assert.doesNotMatch(page.body, /<script|(?:src|href)="https?:|style=/);
    const ids = new Set([...page.body.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id));
    for (const { operation } of operationsOf(administration))
      assert.ok(ids.has(operation.operationId), operation.operationId);
    const links = [...page.body.matchAll(/href="#([^"]+)"/g)].map(([, id]) => id);
    assert.deepEqual(
      links.filter((id) => !ids.has(id)),
      [],
    );
    const sections = /<nav class="sections".*?<\/nav>/s.exec(page.body)![0];
    for (const id of ["top", "tag-revocations", "scopes", "errors", "schemas"])
      assert.ok(sections.includes(`href="#${id}"`), id);
    for (const id of ["error-unknown_key", "error-too_many_leases", "scope-users.write"])
      assert.ok(ids.has(id), id);
    const [, stylesheet] = /href="(\/assets\/api-[^"]+)"/.exec(page.body)!;
    assert.equal(
      (await exchange(`${server.issuer}${stylesheet}`)).headers["content-type"],
      "text/css; charset=utf-8",
    );
  });
});
