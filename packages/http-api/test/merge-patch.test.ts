import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { applyMergePatch, checkInput, declareRoute, mergePatchOf } from "@portcullis/http-api";
import { documentProblems } from "@portcullis/testing/openapi";
import { z } from "zod";
import { COMMON, mounted } from "./support/mounted.ts";

const userSchema = z.strictObject({
  username: z.string().min(1).describe("What it signs in with."),
  name: z.string().optional(),
  locale: z.string().default("en"),
  groups: z.array(z.string()).default([]),
  address: z.strictObject({ city: z.string(), street: z.string().optional() }).optional(),
  attributes: z.record(z.string(), z.json()).default({}),
});

function openUser() {
  let user: unknown = {
    username: "alice",
    name: "Alice",
    address: { city: "Rome", street: "Via" },
    attributes: { a: 1 },
  };
  const patch = declareRoute({
    ...COMMON,
    operationId: "changeUser",
    method: "PATCH",
    path: "",
    body: { schema: mergePatchOf(userSchema), example: { name: null }, isMergePatch: true },
    answers: { 200: { says: "The user.", schema: userSchema, example: { username: "alice" } } },
    async handle({ body }) {
      const changed = checkInput(userSchema, applyMergePatch(user, body));
      user = changed;
      return { status: 200, body: changed };
    },
  });
  const place = declareRoute({
    ...COMMON,
    operationId: "placeOrder",
    method: "POST",
    path: "",
    body: { schema: z.object({ name: z.string().nullable() }), example: { name: "x" } },
    answers: { 200: { says: "It.", schema: z.boolean(), example: true } },
    handle: async () => ({ status: 200, body: true }),
  });
  const app = mounted([patch, place]);
  return {
    ...app,
    change: (body: unknown, type = "application/merge-patch+json") =>
      app.ask("", { method: "PATCH", body, headers: { "content-type": type } }),
  };
}

describe("a merge patch", () => {
  it("changes what it has, takes away what is null, and leaves the rest", async () => {
    const { change } = openUser();
    const { status, body } = await change({
      name: null,
      address: { city: "Oslo" },
      attributes: { b: { c: 2 } },
    });
    assert.equal(status, 200);
    assert.deepEqual(body, {
      username: "alice",
      locale: "en",
      groups: [],
      address: { city: "Oslo", street: "Via" },
      attributes: { a: 1, b: { c: 2 } },
    });
    const without = await change({ address: { street: null }, attributes: { b: { c: null } } });
    assert.deepEqual(without.body.address, { city: "Oslo" });
    assert.deepEqual(without.body.attributes, { a: 1, b: {} });
  });

  it("does not set a default where it says nothing, and does where it says null", async () => {
    const { change } = openUser();
    await change({ locale: "fr", groups: ["a"] });
    assert.equal((await change({ name: "A" })).body.locale, "fr");
    const reset = await change({ locale: null, groups: null });
    assert.deepEqual([reset.body.locale, reset.body.groups], ["en", []]);
  });

  it("replaces a list as a whole", async () => {
    const { change } = openUser();
    await change({ groups: ["a", "b"] });
    assert.deepEqual((await change({ groups: ["c"] })).body.groups, ["c"]);
  });

  for (const type of [
    "application/merge-patch+json",
    "application/json",
    "Application/Merge-Patch+JSON; charset=utf-8",
  ]) {
    it(`may be sent as ${type}`, async () => {
      assert.equal((await openUser().change({ name: "A" }, type)).status, 200);
    });
  }

  it("is refused where it takes away what must be there, has what there is not, or has another type", async () => {
    const { change } = openUser();
    const { status, body } = await change({ username: null, address: { city: null, zip: 1 }, colour: "red" });
    assert.equal(status, 400);
    assert.deepEqual(body.problems.map(({ field }: { field: string }) => field).sort(), [
      "address.city",
      "address.zip",
      "colour",
      "username",
    ]);
    assert.equal((await change({ name: "A" }, "application/json-patch+json")).status, 415);
    assert.equal((await change({ address: { street: 7 } })).status, 400);
  });

  it("is refused when what is left is not whole", async () => {
    const { change } = openUser();
    await change({ address: null });
    const { status, body } = await change({ address: { street: "Via" } });
    assert.deepEqual([status, body.problems[0].field], [400, "address.city"]);
  });

  it("is no body of a call that takes none", async () => {
    const { ask } = openUser();
    const headers = { "content-type": "application/merge-patch+json" };
    assert.equal((await ask("", { method: "POST", body: { name: null }, headers })).status, 415);
    assert.equal((await ask("", { method: "POST", body: { name: null } })).status, 200);
  });

  it("cannot say of a member that it is null, so that a thing with such a member has none", () => {
    assert.throws(() => mergePatchOf(z.object({ name: z.string().nullable() })), {
      code: "route_not_declared",
    });
  });

  it("is described with both media types, and with what may be null", async () => {
    const document = await openUser().document();
    assert.deepEqual(await documentProblems(document), []);
    const { content } = document.paths["/things"]!.patch!.requestBody!;
    assert.deepEqual(Object.keys(content), ["application/merge-patch+json", "application/json"]);
    const { properties, required, additionalProperties } = content["application/json"]!.schema as never as {
      properties: Record<string, { type?: string | string[]; description?: string; default?: unknown }>;
      required?: string[];
      additionalProperties: boolean;
    };
    assert.deepEqual([required, additionalProperties], [undefined, false]);
    assert.deepEqual(
      [properties.username!.type, properties.username!.description],
      ["string", "What it signs in with."],
    );
    assert.deepEqual(properties.name!.type, ["string", "null"]);
    assert.ok(!("default" in properties.locale!));
  });
});

/** RFC 7396, appendix A. */
const VECTORS: readonly [target: unknown, patch: unknown, result: unknown][] = [
  [{ a: "b" }, { a: "c" }, { a: "c" }],
  [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
  [{ a: "b" }, { a: null }, {}],
  [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
  [{ a: ["b"] }, { a: "c" }, { a: "c" }],
  [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
  [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
  [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
  [
    ["a", "b"],
    ["c", "d"],
    ["c", "d"],
  ],
  [{ a: "b" }, ["c"], ["c"]],
  [{ a: "foo" }, null, null],
  [{ a: "foo" }, "bar", "bar"],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: "b", c: null }, { a: "b" }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

describe("applying a merge patch", () => {
  for (const [target, patch, result] of VECTORS) {
    it(`makes ${JSON.stringify(result)} of ${JSON.stringify(target)} and ${JSON.stringify(patch)}`, () => {
      const before = structuredClone(target);
      assert.deepEqual(applyMergePatch(target, patch), result);
      assert.deepEqual(target, before, "the thing itself stays");
    });
  }

  it("reaches nothing that objects inherit", () => {
    const changed = applyMergePatch({}, JSON.parse('{"__proto__": {"admin": true}, "toString": {"a": 1}}'));
    assert.equal((changed as { admin?: boolean }).admin, undefined);
    assert.deepEqual(Object.keys(changed as object), ["__proto__", "toString"]);
  });
});
