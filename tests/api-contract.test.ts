/** Every operation of the OpenAPI documents is called with good, bad, foreign and missing values that are made from its own schemas. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { API_SCOPES } from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { type OpenApi, operationsOf } from "@portcullis/testing/openapi";
import fc from "fast-check";
import { accountApp, signInToAccount } from "../apps/auth-server/test/account/account-client.ts";
import { machineToken } from "../apps/auth-server/test/oidc/app.ts";
import {
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../apps/auth-server/test/oidc/server-under-test.ts";

const SEED = 20_261_130;
const CALLS_PER_OPERATION = 12;
/** They answer for as long as they like, or make the log anew: only who may call them is looked at here. */
const NOT_CALLED = new Set(["streamRevocations", "getSnapshot", "declareLoss"]);

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
}
interface Parameter {
  readonly $ref?: string;
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly schema: Schema;
  readonly example?: unknown;
}
interface Called {
  readonly operationId: string;
  readonly security: readonly { readonly token?: readonly string[] }[];
  readonly parameters?: readonly Parameter[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

let server: ServerUnderTest;
/** Of administrators and of people about themselves: what has one name in both is one thing. */
let document: OpenApi;
before(async () => {
  server = await startServer({
    change: ({ clients, issuer, users }) => {
      const admin = clients.find(({ clientId }) => clientId === "admin")!;
      admin.resources[`${issuer}/api`] = Object.values(API_SCOPES);
      clients.push(accountApp(issuer) as never);
      for (let at = 0; at < PEOPLE; at++) users.push({ ...personOf(at), name: `Person ${at}` } as never);
    },
  });
  document = joined(await documentAt("/api/openapi.json"), await documentAt("/account/openapi.json"));
});
after(() => server.stop());

const documentAt = async (path: string) =>
  json<OpenApi & Components>(await exchange(`${server.issuer}${path}`));

interface Components {
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

function joined(one: OpenApi & Components, other: OpenApi & Components): OpenApi & Components {
  const components = Object.entries(one.components).map(
    ([kind, things]) => [kind, { ...other.components[kind], ...things }] as const,
  );
  return { paths: { ...one.paths, ...other.paths }, components: Object.fromEntries(components) };
}

const all = () =>
  operationsOf(document).map(({ path, method, operation }) => ({
    path,
    method: method.toUpperCase(),
    operation: operation as unknown as Called,
  }));

const scopeOf = ({ security }: Called): string | undefined => security[0]?.token?.[0];

function resolved<Thing extends { readonly $ref?: string }>(thing: Thing): Thing {
  if (thing.$ref === undefined) return thing;
  const found = thing.$ref
    .split("/")
    .slice(1)
    .reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], document);
  return resolved(found as Thing);
}

const WRONG = fc.oneof(
  fc.constantFrom("", "\0", "ä".repeat(300), "x".repeat(3000), "../..", "%00", "null", -1, 1e300, true, null),
  fc.anything({ maxDepth: 2, withNullPrototype: false }),
);

/** A value that fits the schema, or is wrong somewhere. */
function valueFor(schema: Schema, depth = 0): fc.Arbitrary<unknown> {
  const whole = resolved(schema);
  if (depth > 4) return WRONG;
  return fc.oneof({ arbitrary: fitting(whole, depth), weight: 5 }, { arbitrary: WRONG, weight: 1 });
}

function fitting(schema: Schema, depth: number): fc.Arbitrary<unknown> {
  const options = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (options !== undefined) return fc.oneof(...options.map((option) => valueFor(option, depth + 1)));
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum);
  switch ([schema.type].flat()[0]) {
    case "object":
      return objectOf(schema, depth);
    case "array":
      return fc.array(valueFor(schema.items ?? {}, depth + 1), { maxLength: 3 });
    case "integer":
      return fc.integer({ min: -5, max: 100_000 });
    case "number":
      return fc.double();
    case "boolean":
      return fc.boolean();
    default:
      return fc.oneof(
        fc.constantFrom("alice", "bob", "web", "https://orders.portcullis.example"),
        fc.string(),
      );
  }
}

/** With its members, without some of them, and with one that nobody knows. */
function objectOf({ properties = {} }: Schema, depth: number): fc.Arbitrary<unknown> {
  const members = Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, valueFor(schema, depth + 1)]),
  );
  return fc
    .tuple(fc.record(members, { requiredKeys: [] }), fc.boolean())
    .map(([value, isForeign]) => (isForeign ? { ...value, nobodyKnowsThis: 1 } : value));
}

interface Request {
  readonly path: Readonly<Record<string, unknown>>;
  readonly query: Readonly<Record<string, unknown>>;
  readonly header: Readonly<Record<string, unknown>>;
  readonly body: unknown;
}

function requestTo({ parameters = [], requestBody }: Called): fc.Arbitrary<Request> {
  const of = (place: Parameter["in"]) =>
    Object.fromEntries(
      parameters
        .map(resolved)
        .filter((parameter) => parameter.in === place)
        .map(({ name, schema }) => [name, valueFor(schema, 3)]),
    );
  const schema = Object.values(requestBody?.content ?? {})[0]?.schema;
  return fc.record({
    path: fc.record(of("path")),
    query: fc.record(of("query"), { requiredKeys: [] }),
    header: fc.record(of("header"), { requiredKeys: [] }),
    body: schema === undefined ? fc.constant(undefined) : fc.option(valueFor(schema), { nil: undefined }),
  });
}

const textOf = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "");

function send(path: string, method: string, { path: names, query, header, body }: Request, token: string) {
  const target = path.replace(
    /\{(\w+)\}/g,
    (_, name: string) => encodeURIComponent(textOf(names[name]).toWellFormed()) || "x",
  );
  const url = new URL(target, server.issuer);
  for (const [name, value] of Object.entries(query))
    url.searchParams.append(name, textOf(value).toWellFormed());
  const isHeader = /^[\x20-\x7e]*$/;
  const headers = Object.fromEntries(
    Object.entries(header).flatMap(([name, value]) =>
      isHeader.test(textOf(value)) ? [[name, textOf(value)]] : [],
    ),
  );
  // Longer waits than a test has time for.
  delete headers.Prefer;
  const text = body === undefined ? undefined : JSON.stringify(body);
  return exchange(url.href, {
    method,
    ...(text === undefined || method === "GET" ? {} : { body: text }),
    headers: { ...headers, authorization: `Bearer ${token}`, "content-type": "application/json" },
  });
}

const tokenWith = (scope: string) => machineToken(server.issuer, "admin", `${server.issuer}/api`, scope);

/** Each signs in for a few operations alone: some of these end everything that the person has. */
const PEOPLE = 40;
const personOf = (at: number) => ({ username: `person-${at}`, password: `the password of ${at}` });
let people = 0;
const personsToken = async (scope: string): Promise<string> =>
  (await signInToAccount(server, { credentials: personOf(people++), scope })).access_token;

const isOfAccount = (path: string): boolean => path.startsWith("/account/");
const tokenFor = (path: string, scope: string): Promise<string> =>
  isOfAccount(path) ? personsToken(scope) : tokenWith(scope);

describe("every operation", () => {
  it("is for whoever has its scope: 401 and 403 come before the body is read", async () => {
    const [one, other] = [await tokenWith("keys.read"), await tokenWith("revocations.read")];
    const [reader, writer] = [await personsToken("account.read"), await personsToken("account.write")];
    const foreignTo = (scope: string): string => {
      if (scope.startsWith("account.")) return scope === "account.read" ? writer : reader;
      return scope === "keys.read" ? other : one;
    };
    for (const { path, method, operation } of all()) {
      const scope = scopeOf(operation);
      if (scope === undefined) continue;
      const url = `${server.issuer}${path.replace(/\{\w+\}/g, "x")}`;
      const broken = method === "GET" ? {} : { body: "{" };
      const ask = (headers: Record<string, string>) =>
        exchange(url, { method, ...broken, headers: { "content-type": "application/json", ...headers } });
      assert.equal((await ask({})).status, 401, operation.operationId);
      const foreign = foreignTo(scope);
      assert.equal((await ask({ authorization: `Bearer ${foreign}` })).status, 403, operation.operationId);
    }
  });

  it("refuses what its query does not declare, and a dry run where there is none, by name, before anything is done", async () => {
    const person = await personsToken("account.read account.write");
    for (const { path, method, operation } of all()) {
      const scope = scopeOf(operation);
      const parameters = (operation.parameters ?? []).map((parameter) => resolved(parameter).name);
      const undeclared = parameters.includes("dryRun") ? ["dryrun"] : ["dryRun", "undeclared"];
      const query = undeclared.map((name) => `${name}=true`).join("&");
      const token = isOfAccount(path) ? person : await tokenWith(scope ?? "keys.read");
      const headers = scope === undefined ? {} : { authorization: `Bearer ${token}` };
      const url = `${server.issuer}${path.replace(/\{\w+\}/g, "1")}?${query}`;
      const answer = await exchange(url, { method, headers });
      assert.equal(answer.status, 400, `${operation.operationId}: ${answer.body.slice(0, 300)}`);
      const { problems } = json<{ problems?: { field: string }[] }>(answer);
      const fields = problems?.map(({ field }) => field) ?? [];
      for (const name of undeclared)
        assert.ok(fields.includes(name), `${operation.operationId}: ${answer.body}`);
    }
  });

  it("refuses a precondition that it does not look at, by name, before anything is done", async () => {
    const person = await personsToken("account.read account.write");
    for (const { path, method, operation } of all()) {
      const scope = scopeOf(operation);
      const declared = (operation.parameters ?? []).map((parameter) => resolved(parameter).name);
      const undeclared = ["If-Match", "If-Unmodified-Since"].filter((name) => !declared.includes(name));
      const token = isOfAccount(path) ? person : await tokenWith(scope ?? "keys.read");
      const authorized = scope === undefined ? {} : { authorization: `Bearer ${token}` };
      const sent = Object.fromEntries(undeclared.map((name) => [name.toLowerCase(), '"0"']));
      const url = `${server.issuer}${path.replace(/\{\w+\}/g, "1")}`;
      const answer = await exchange(url, { method, headers: { ...authorized, ...sent } });
      assert.equal(answer.status, 400, `${operation.operationId}: ${answer.body.slice(0, 300)}`);
      const { problems } = json<{ problems?: { field: string }[] }>(answer);
      const fields = problems?.map(({ field }) => field) ?? [];
      for (const name of undeclared)
        assert.ok(fields.includes(name), `${operation.operationId}: ${answer.body}`);
    }
  });

  it("answers as it is described to whatever it is called with, and names what is wrong", async () => {
    let problems = 0;
    for (const { path, method, operation } of all()) {
      const scope = scopeOf(operation);
      if (scope === undefined || NOT_CALLED.has(operation.operationId)) continue;
      if (Object.values(operation.responses).some(({ content = {} }) => "text/event-stream" in content))
        continue;
      const requests = fc.sample(requestTo(operation), { seed: SEED, numRuns: CALLS_PER_OPERATION });
      let token = await tokenFor(path, scope);
      for (const request of requests) {
        if (!isOfAccount(path)) token = await tokenWith(scope);
        const answer = await send(path, method, request, token);
        // It has ended the session of its own call, or more.
        if (answer.status === 401) token = await tokenFor(path, scope);
        const said = `${operation.operationId} ${JSON.stringify(request)}: ${answer.status} ${answer.body.slice(0, 300)}`;
        assert.ok(answer.status < 500, said);
        if (answer.status === 404 && !answer.body.startsWith("{")) continue;
        assert.ok(String(answer.status) in operation.responses || answer.status === 404, said);
        if (answer.status === 400) problems += checkProblems(answer, said);
      }
    }
    assert.ok(problems > 50, String(problems));
  });
});

function checkProblems({ body }: Exchange, said: string): number {
  const { problems, code, error } = JSON.parse(body) as {
    problems?: { field: string; message: string }[];
    code?: string;
    error?: string;
  };
  assert.ok((code ?? error) !== undefined, said);
  for (const { field, message } of problems ?? []) {
    assert.ok(field.length > 0 && message.length > 0, said);
  }
  return problems?.length ?? 0;
}

/** By operation that takes `If-Match`: something that is there, and a change of it, by a call below it where `act` says so. */
const VERSIONED: Readonly<
  Record<string, { readonly path: string; readonly act?: string; readonly body?: object }>
> = {
  updateAccount: { path: "/account/v1", body: { name: "Nobody" } },
  updateUser: { path: "/api/v1/users/bob", body: { name: "Nobody" } },
  deleteUser: { path: "/api/v1/users/bob" },
  disableUser: { path: "/api/v1/users/bob", act: "/disable" },
  enableUser: { path: "/api/v1/users/bob", act: "/enable" },
  setPassword: { path: "/api/v1/users/bob", act: "/password", body: { password: "a first password" } },
  disableApp: { path: "/api/v1/apps/other", act: "/disable" },
  enableApp: { path: "/api/v1/apps/other", act: "/enable" },
  changeApp: { path: "/api/v1/apps/other", body: { name: "Nobody" } },
  deleteApp: { path: "/api/v1/apps/other" },
  changeApi: { path: `/api/v1/apis/${encodeURIComponent(RESOURCE)}`, body: { name: "Nobody" } },
  deleteApi: { path: `/api/v1/apis/${encodeURIComponent(RESOURCE)}` },
  changePolicy: { path: "/api/v1/policies/default", body: { idleSeconds: 3600 } },
};

describe("an operation that takes If-Match", () => {
  const takesVersion = ({ parameters = [] }: Called) =>
    parameters.some((parameter) => resolved(parameter).name === "If-Match");

  it("changes nothing of another version than the caller has seen, and a dry run is refused as well", async () => {
    const versioned = all().filter(({ operation }) => takesVersion(operation));
    const names = versioned.map(({ operation }) => operation.operationId);
    assert.deepEqual(names.toSorted(), Object.keys(VERSIONED).toSorted(), "say of which thing it is tried");
    const administrators = await tokenWith(Object.values(API_SCOPES).join(" "));
    const persons = await personsToken("account.read account.write");
    for (const { method, operation } of versioned) {
      const { path, act = "", body } = VERSIONED[operation.operationId]!;
      const url = `${server.issuer}${path}`;
      const authorization = `Bearer ${isOfAccount(`${path}/`) ? persons : administrators}`;
      const before = await exchange(url, { headers: { authorization } });
      assert.equal(before.status, 200, operation.operationId);
      const content = body === undefined ? {} : { body: JSON.stringify(body) };
      const type = body === undefined ? {} : { "content-type": "application/json" };
      const headers = { authorization, ...type, "if-match": '"0"' };
      const isTried = (operation.parameters ?? []).some((parameter) => resolved(parameter).name === "dryRun");
      for (const query of isTried ? ["", "?dryRun=true"] : [""]) {
        const answer = await exchange(url + act + query, { method, ...content, headers });
        assert.equal(answer.status, 412, `${operation.operationId}${query}: ${answer.body}`);
        assert.equal(json<{ code: string }>(answer).code, "precondition_failed");
      }
      assert.equal((await exchange(url, { headers: { authorization } })).body, before.body);
    }
  });
});

describe("changes at once", () => {
  it("of one version are made once: the others hear that it was changed", async () => {
    const token = await tokenWith("apps.read apps.write");
    const url = `${server.issuer}/api/v1/apps/other`;
    const authorization = `Bearer ${token}`;
    const { headers } = await exchange(url, { headers: { authorization } });
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, at) =>
        exchange(url, {
          method: "PATCH",
          body: JSON.stringify({ name: `Name ${at}` }),
          headers: { authorization, "content-type": "application/json", "if-match": String(headers.etag) },
        }),
      ),
    );
    const statuses = answers.map(({ status }) => status).toSorted();
    assert.deepEqual(statuses, [200, ...Array(7).fill(412)]);
  });
});
