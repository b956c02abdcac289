import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { PortcullisError } from "@portcullis/protocol";
import { z } from "zod";
import {
  ANYBODY,
  type DeclaredRoute,
  declareRoute,
  OAUTH_ERROR,
  PROBLEM_DETAILS,
  RetryLaterError,
} from "../src/index.ts";
import { changeOrder, openShop, orderSchema, type Shop, shopError } from "./support/shop.ts";

describe("a declared route", () => {
  it("is given what was read and checked, and answers what it declared", async () => {
    const answer = await openShop(PROBLEM_DETAILS).change({ query: "?dryRun=true" });
    assert.equal(answer.statusCode, 202);
    assert.deepEqual(answer.json(), { id: "7 of cashier", count: 2 });
    assert.equal(answer.headers.etag, "v1");
    assert.equal(answer.headers["cache-control"], "no-store");
    assert.equal(answer.headers["content-type"], "application/json; charset=utf-8");
  });

  it("refuses its caller before it reads the body", async () => {
    const shop = openShop(PROBLEM_DETAILS);
    const broken = { body: "{", headers: { authorization: "" } };
    assert.equal((await shop.change(broken)).statusCode, 401);
    assert.equal((await shop.change({ body: "{" })).statusCode, 400);
  });

  it("refuses a body that is nested too deep for whatever reads it, also where that is its own", async () => {
    const deep = { count: JSON.parse(`${"[".repeat(5000)}${"]".repeat(5000)}`) };
    const ownReader = {
      ...changeOrder,
      checks: { body: (body: unknown) => JSON.parse(JSON.stringify(body)) },
    };
    for (const route of [changeOrder, ownReader as DeclaredRoute]) {
      const answer = await openShop(PROBLEM_DETAILS, [route]).change({ body: deep });
      assert.equal(answer.statusCode, 400);
      const [{ field, message }] = answer.json().problems;
      assert.equal(field, ["count", ..."0".repeat(31)].join("."));
      assert.match(message, /deeper than 32/);
    }
  });

  it("asks for its own scope", async () => {
    const route = { ...changeOrder, scope: "orders.read" };
    assert.equal((await openShop(PROBLEM_DETAILS, [route]).change()).statusCode, 403);
  });

  it("refuses a caller in the form of its mount, with the members that OAuth clients read", async () => {
    const oauth = { error: "missing_token", error_description: "Not you.", reason: "logged_out" };
    const problem = {
      type: "about:blank",
      status: 401,
      title: "Unauthorized",
      detail: "Not you.",
      code: "missing_token",
    };
    for (const [form, type, body] of [
      [PROBLEM_DETAILS, "application/problem+json", { ...problem, ...oauth }],
      [OAUTH_ERROR, "application/json; charset=utf-8", oauth],
    ] as const) {
      const answer = await openShop(form).change({ headers: { authorization: "" } });
      assert.equal(answer.statusCode, 401);
      assert.equal(answer.headers["content-type"], type);
      assert.equal(answer.headers["www-authenticate"], 'Bearer error="missing_token"');
      assert.equal(answer.headers["cache-control"], "no-store");
      assert.deepEqual(answer.json(), body);
    }
  });

  it("tells all problems of path, query, headers and body at once, each with its path", async () => {
    const answer = await openShop(PROBLEM_DETAILS).change({
      id: "x",
      query: "?dryRun=1&all=1",
      body: { count: "two", colour: "red" },
      headers: { "if-match": "latest" },
    });
    assert.equal(answer.statusCode, 400);
    const { code, problems } = answer.json();
    assert.equal(code, "invalid_request");
    assert.deepEqual(
      problems.map(({ field }: { field: string }) => field),
      ["id", "dryRun", "all", "If-Match", "count", "colour"],
    );
  });

  it("that declares no query parameter refuses every one, so that nothing is done in place of a dry run", async () => {
    let isDone = false;
    const route = declareRoute({
      ...COMMON,
      answers: { 200: { says: "Done.", schema: z.object({}), example: {} } },
      async handle() {
        isDone = true;
        return { status: 200, body: {} };
      },
    });
    const { app } = openShop(PROBLEM_DETAILS, [route]);
    const answer = await app.inject({ method: "POST", url: "/shop?dryRun=true&__proto__=1" });
    assert.equal(answer.statusCode, 400);
    assert.deepEqual(
      answer.json().problems.map(({ field }: { field: string }) => field),
      ["dryRun", "__proto__"],
    );
    assert.equal(isDone, false);
  });

  it("gives an error the form of its mount, and keeps what is private", async () => {
    const problem = await openShop(PROBLEM_DETAILS).change({ id: "404" });
    assert.equal(problem.headers["content-type"], "application/problem+json");
    assert.deepEqual(problem.json(), {
      type: "about:blank",
      status: 404,
      title: "Not Found",
      detail: "There is no such order.",
      code: "no_such_order",
    });
    const error = await openShop(OAUTH_ERROR).change({ id: "404" });
    assert.equal(error.headers["content-type"], "application/json; charset=utf-8");
    assert.deepEqual(error.json(), {
      error: "no_such_order",
      error_description: "There is no such order.",
    });
  });

  it("says of an outage when to come again, and calls it by the name that the form has for it", async () => {
    const shop = openShop(PROBLEM_DETAILS);
    const problem = await shop.change({ id: "503" });
    assert.deepEqual([problem.statusCode, problem.json().code], [503, "shop_closed"]);
    assert.deepEqual(
      shop.told.map(([level]) => level),
      ["warn"],
      "its cause is told of where it is known",
    );
    const error = await openShop(OAUTH_ERROR).change({ id: "503" });
    assert.deepEqual([error.json().error, error.headers["retry-after"]], ["temporarily_unavailable", "1"]);
  });

  it("reports what it did not expect, and tells nobody", async () => {
    const shop = openShop(PROBLEM_DETAILS);
    const answer = await shop.change({ id: "500" });
    assert.deepEqual([answer.statusCode, answer.json().code], [500, "server_error"]);
    assert.doesNotMatch(answer.body, /secret/);
    const [[level, error]] = shop.told as [Shop["told"][number]];
    assert.equal(level, "error");
    assert.match(String(error), /secret/);
  });

  const unreadable: [string, number, { body: unknown; headers?: Record<string, string> }][] = [
    ["malformed JSON", 400, { body: "{" }],
    ["a key that reaches for prototypes", 400, { body: '{"__proto__": {"count": 1}}' }],
    ["more than 16 KiB", 413, { body: { note: "x".repeat(17_000) } }],
    ["a form", 415, { body: "count=2", headers: { "content-type": "application/x-www-form-urlencoded" } }],
    ["text", 415, { body: "{}", headers: { "content-type": "text/plain" } }],
  ];
  for (const [what, status, call] of unreadable) {
    it(`refuses a body that is ${what}`, async () => {
      const problem = await openShop(PROBLEM_DETAILS).change(call);
      assert.deepEqual([problem.statusCode, problem.json().code], [status, "invalid_request"]);
      assert.equal(problem.json().problems[0].field, "body");
      assert.equal((await openShop(OAUTH_ERROR).change(call)).json().error, "invalid_request");
    });
  }

  it("is checked by rules of its own where a schema cannot say them", async () => {
    const route = declareRoute({
      ...COMMON,
      body: { schema: z.object({ from: z.number(), to: z.number() }), example: { from: 1, to: 2 } },
      checks: { body: () => ({ from: 5, to: 6 }) },
      answers: { 200: { says: "The sum.", schema: z.number(), example: 3 } },
      handle: async ({ body }) => ({ status: 200, body: body.from + body.to }),
    });
    const { app } = openShop(PROBLEM_DETAILS, [route]);
    assert.equal(
      (await app.inject({ method: "POST", url: "/shop", payload: { from: 1, to: 2 } })).body,
      "11",
    );
  });

  it("may be called without a body where that may be left out, by anybody where it says so", async () => {
    const route = declareRoute({
      ...COMMON,
      body: { schema: z.strictObject({ note: z.string().optional() }), example: {}, mayBeAbsent: true },
      answers: { 200: { says: "Bytes.", bytes: "application/octet-stream" } },
      handle: async ({ body }) => ({ status: 200, bytes: Buffer.from(JSON.stringify(body)) }),
    });
    const answer = await openShop(PROBLEM_DETAILS, [route]).app.inject({ method: "POST", url: "/shop" });
    assert.equal(answer.headers["content-type"], "application/octet-stream");
    assert.equal(answer.body, "{}");
  });

  it("takes no body that is another thing than an object for one that was left out", async () => {
    const route = declareRoute({
      ...COMMON,
      body: { schema: z.strictObject({ note: z.string().optional() }), example: {}, mayBeAbsent: true },
      answers: { 200: { says: "Bytes.", bytes: "application/octet-stream" } },
      handle: async ({ body }) => ({ status: 200, bytes: Buffer.from(JSON.stringify(body)) }),
    });
    const { app } = openShop(PROBLEM_DETAILS, [route]);
    const headers = { "content-type": "application/json" };
    for (const payload of ["null", "false", "0", '""', "[]"]) {
      const { statusCode } = await app.inject({ method: "POST", url: "/shop", payload, headers });
      assert.equal(statusCode, 400, payload);
    }
  });

  it("reads a body as UTF-8, and none that says that it is written in another charset", async () => {
    const route = declareRoute({
      ...COMMON,
      body: { schema: z.strictObject({}), example: {} },
      answers: { 200: { says: "Bytes.", bytes: "application/octet-stream" } },
      handle: async () => ({ status: 200, bytes: Buffer.from("read") }),
    });
    const { app } = openShop(PROBLEM_DETAILS, [route]);
    const cases: readonly [string, number][] = [
      ["application/json", 200],
      ["application/json; charset=utf-8", 200],
      ['application/json;Charset="UTF-8"', 200],
      ["application/json; charset=utf-16", 415],
      ["application/json; CHARSET='utf-16'", 415],
      ['application/json; charset="iso-8859-1"', 415],
      ["application/json; charset=utf-8; charset=utf-16", 415],
      ["application/json; charset=", 415],
    ];
    for (const [type, status] of cases) {
      const headers = { "content-type": type };
      const { statusCode } = await app.inject({ method: "POST", url: "/shop", payload: "{}", headers });
      assert.equal(statusCode, status, type);
    }
  });

  it("may write its answer itself, for as long as it likes", async () => {
    const route = declareRoute({
      ...COMMON,
      method: "GET",
      answers: { 200: { says: "Lines.", stream: "text/plain", example: "a" } },
      handle: async () => ({ status: 200, stream: (response) => void response.writeHead(200).end("a\nb") }),
    });
    const answer = await openShop(PROBLEM_DETAILS, [route]).app.inject({ method: "GET", url: "/shop" });
    assert.equal(answer.body, "a\nb");
  });
});

const COMMON = {
  operationId: "doIt",
  method: "POST",
  path: "",
  tag: "Orders",
  summary: "Do it",
  scope: ANYBODY,
  errors: [],
} as const;

describe("a declaration that is not whole", () => {
  const { body, parameters, answers } = changeOrder;
  const cases: [string, Partial<DeclaredRoute>, RegExp][] = [
    ["has no summary", { summary: " " }, /summary is empty/],
    ["has no answer", { answers: {} }, /no answer/],
    ["does not explain a parameter", { parameters: { query: z.object({ a: z.string() }) } }, /a has no desc/],
    [
      "lets pass what its query does not declare",
      { parameters: { ...parameters, query: z.object({ a: z.string().describe("A.") }) } },
      /takes what it does not declare/,
    ],
    ["leaves out what its path has", { parameters: {} }, /\{id\} is not declared/],
    ["has what its path leaves out", { path: "/orders" }, /id is not in its path/],
    [
      "has no example of what its path has",
      { parameters: { ...parameters, path: z.object({ id: z.string().describe("Its number.") }) } },
      /id has no example/,
    ],
    [
      "asks for a fresh sign-in, and for no token",
      { scope: ANYBODY, maxSignInAgeSeconds: 300 },
      /nobody has signed in without a token/,
    ],
    [
      "has a wrong example of its body",
      { body: { ...body!, example: { count: "2" } } },
      /example of its body/,
    ],
    [
      "has a wrong example of an answer",
      { answers: { ...answers, 202: { says: "", schema: orderSchema, example: {} } } },
      /example of its answer 202/,
    ],
  ];
  for (const [what, change, says] of cases) {
    it(`is not mounted: it ${what}`, async () => {
      const { app } = openShop(PROBLEM_DETAILS, [{ ...changeOrder, ...change }]);
      await assert.rejects(
        async () => app.ready(),
        (error: PortcullisError) => {
          assert.equal(error.code, "route_not_declared");
          assert.match(error.message, says);
          return true;
        },
      );
    });
  }
});

describe("what no route declares", () => {
  const listOrders: DeclaredRoute = { ...changeOrder, operationId: "getOrder", method: "GET" };
  const importOrders: DeclaredRoute = {
    ...changeOrder,
    operationId: "importOrders",
    path: "/orders/import",
    parameters: {},
  };

  for (const [form, codeOf] of [
    [PROBLEM_DETAILS, "code"],
    [OAUTH_ERROR, "error"],
  ] as const) {
    it(`is refused in the form of the mount, as ${form.mediaType}`, async () => {
      const { app } = openShop(form);
      const [unknown, wrong] = await Promise.all([
        app.inject({ url: "/shop/nothing" }),
        app.inject({
          method: "DELETE",
          url: "/shop/orders/7",
          payload: "{",
          headers: { "content-type": "text/x" },
        }),
      ]);
      assert.deepEqual([unknown!.statusCode, unknown!.json()[codeOf]], [404, "not_found"]);
      assert.deepEqual([wrong!.statusCode, wrong!.json()[codeOf]], [405, "method_not_allowed"]);
      assert.equal(wrong!.headers.allow, "POST");
      for (const answer of [unknown, wrong])
        assert.equal(String(answer!.headers["content-type"]).split(";")[0], form.mediaType);
    });
  }

  it("is not a path that a route with a parameter answers", async () => {
    const { app } = openShop(PROBLEM_DETAILS, [changeOrder, listOrders, importOrders]);
    const refused = await app.inject({ method: "PUT", url: "/shop/orders/import" });
    assert.equal(refused.headers.allow, "POST, GET");
    assert.equal((await app.inject({ url: "/shop/orders/import" })).statusCode, 401);
  });
});

it("a refusal that knows when to come again says so", async () => {
  const closed = shopError.definitions("shop_closed")[0]!;
  const { change } = openShop(PROBLEM_DETAILS, [
    { ...changeOrder, handle: () => Promise.reject(new RetryLaterError(closed, 42)) },
  ]);
  const { statusCode, headers } = await change();
  assert.deepEqual([statusCode, headers["retry-after"]], [503, "42"]);
});
