import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ANYBODY, declareRoute, type IdempotencyKeys } from "@portcullis/http-api";
import { errorsOf } from "@portcullis/protocol";
import { documentProblems, exampleProblems } from "@portcullis/testing/openapi";
import { z } from "zod";
import { idempotencyKeysConformance } from "./support/idempotency-keys-conformance.ts";
import { MemoryKeys } from "./support/memory-keys.ts";
import { COMMON, idParameter, mounted } from "./support/mounted.ts";

idempotencyKeysConformance(() => new MemoryKeys());

const thingError = errorsOf({
  name_taken: { status: 409, text: "There is one of this name." },
  store_down: { status: 503, text: "Nothing was changed." },
});
const thingSchema = z.object({ id: z.string(), name: z.string() });

interface Shop {
  /** What happens instead of making the thing. */
  fault?: () => unknown;
  /** Waited for before it is made. */
  gate?: Promise<void>;
  readonly made: string[];
}

function openShop(keys: IdempotencyKeys = new MemoryKeys()) {
  const shop: Shop = { made: [] };
  const make = declareRoute({
    ...COMMON,
    operationId: "makeThing",
    method: "POST",
    path: "/{shelf}",
    isRepeatable: true,
    parameters: { path: z.object({ shelf: z.string().meta(idParameter) }) },
    body: {
      schema: z.strictObject({ name: z.string(), size: z.number().optional() }),
      example: { name: "box" },
    },
    answers: {
      201: {
        says: "It.",
        schema: thingSchema,
        example: { id: "1", name: "box" },
        headers: { Location: "Where." },
      },
    },
    errors: thingError.definitions("name_taken", "store_down"),
    async handle({ path, body }) {
      await shop.gate;
      if (shop.fault !== undefined) throw shop.fault();
      shop.made.push(body.name);
      const id = `${path.shelf}-${shop.made.length}`;
      return { status: 201, body: { id, name: body.name }, headers: { location: `/things/${id}` } };
    },
  });
  const app = mounted([make], keys);
  return {
    shop,
    ...app,
    post: ({ key = '"k1"', name = "box", as = "alice", shelf = "a", body = { name } as unknown } = {}) =>
      app.ask(`/${shelf}`, {
        method: "POST",
        body,
        headers: { authorization: `Bearer ${as}`, ...(key === "" ? {} : { "idempotency-key": key }) },
      }),
  };
}

describe("a call that may be repeated", () => {
  it("is made once for a key, and answered to the letter as the first time", async () => {
    const { post, shop } = openShop();
    const first = await post();
    const second = await post();
    assert.deepEqual([first.status, second.status], [201, 201]);
    assert.equal(second.text, first.text);
    for (const name of ["location", "content-type", "cache-control"])
      assert.equal(second.headers[name], first.headers[name], name);
    assert.deepEqual(
      [first.headers["idempotent-replayed"], second.headers["idempotent-replayed"]],
      [undefined, "true"],
    );
    assert.deepEqual(shop.made, ["box"]);
  });

  it("is the same with its members in another order, and with its key in quotes or without", async () => {
    const { post, shop } = openShop();
    await post({ key: "k1", body: { name: "box", size: 1 } });
    assert.equal((await post({ key: '"k1"', body: { size: 1, name: "box" } })).status, 201);
    assert.equal(shop.made.length, 1);
  });

  it("is made each time where nobody gives a key, or another one", async () => {
    const { post, shop } = openShop();
    for (const key of ["", "", "k1", "k2"]) await post({ key });
    assert.equal(shop.made.length, 4);
  });

  it("is refused when the key was used for something else", async () => {
    const { post, shop } = openShop();
    await post();
    for (const other of [{ name: "crate" }, { shelf: "b" }]) {
      const { status, body } = await post(other);
      assert.deepEqual([status, body.code], [422, "idempotency_key_reused"]);
    }
    assert.deepEqual(shop.made, ["box"]);
  });

  it("does not answer one caller what it answered to another", async () => {
    const { post, shop } = openShop();
    await post();
    assert.equal((await post({ as: "bob", name: "bobs" })).body.name, "bobs");
    assert.equal(shop.made.length, 2);
  });

  it("is told to come again while the first is still being made", async () => {
    const { post, shop } = openShop();
    const gate = Promise.withResolvers<void>();
    shop.gate = gate.promise;
    const first = post();
    // Of several at once, one is being made: the others are answered while it waits.
    const others = await Promise.all([post(), post()]);
    for (const { status, body, headers } of others) {
      assert.deepEqual([status, body.code], [409, "idempotency_key_in_progress"]);
      assert.equal(headers["retry-after"], "1");
    }
    gate.resolve();
    assert.equal((await first).status, 201);
    assert.deepEqual(shop.made, ["box"]);
  });

  it("may be made after it was refused, since nothing was changed then", async () => {
    const { post, shop } = openShop();
    for (const code of ["name_taken", "store_down"] as const) {
      shop.fault = () => thingError(code);
      assert.equal((await post()).body.code, code);
    }
    delete shop.fault;
    assert.equal((await post()).status, 201);
  });

  it("takes no key with a request that it cannot read", async () => {
    const keys = new MemoryKeys();
    const { post } = openShop(keys);
    assert.equal((await post({ body: { nom: "box" } })).status, 400);
    assert.equal((await post({ as: "" })).status, 401);
    assert.equal(keys.rows.size, 0);
  });

  it("is not made again after a fault of ours: nobody knows what it has changed", async () => {
    const { post, shop, log } = openShop();
    shop.fault = () => new Error("a secret of the database");
    const first = await post();
    delete shop.fault;
    const second = await post();
    assert.deepEqual([first.status, second.status], [500, 500]);
    assert.deepEqual(second.body, first.body);
    assert.equal(second.headers["content-type"], "application/problem+json");
    assert.doesNotMatch(second.text, /secret/);
    assert.deepEqual([shop.made, log.named("request_failed").length], [[], 1]);
  });

  it("keeps its key when the answer cannot be stored: it was made all the same", async () => {
    const keys = new MemoryKeys();
    const { post, shop } = openShop(
      Object.assign(keys, { complete: () => Promise.reject(new Error("lost")) }),
    );
    assert.equal((await post()).status, 500);
    const { status, body } = await post();
    assert.deepEqual([status, body.code, shop.made], [409, "idempotency_key_in_progress", ["box"]]);
  });

  it("is not made when nobody can tell whether it was", async () => {
    const down: IdempotencyKeys = Object.assign(new MemoryKeys(), {
      claim: () => Promise.reject(thingError("store_down")),
    });
    const { post, shop } = openShop(down);
    const { status, body } = await post();
    assert.deepEqual([status, body.code, shop.made], [503, "store_down", []]);
  });

  for (const key of ['"', '""', "a b", "ä", "x".repeat(256), '"a"b"']) {
    it(`refuses the key ${key.slice(0, 8)}, by the name of the header`, async () => {
      const { status, body } = await openShop().post({ key });
      assert.deepEqual(
        [status, body.problems.map(({ field }: { field: string }) => field)],
        [400, ["Idempotency-Key"]],
      );
    });
  }

  it("is described with the header, the errors and what tells a repetition", async () => {
    const document = await openShop().document();
    assert.deepEqual(await documentProblems(document), []);
    assert.deepEqual(exampleProblems(document).problems, []);
    const { parameters, responses } = document.paths["/things/{shelf}"]!.post as never as {
      parameters: { $ref?: string }[];
      responses: Record<string, { headers?: object; content: Record<string, { examples?: object }> }>;
    };
    assert.ok(parameters.some(({ $ref }) => $ref === "#/components/parameters/IdempotencyKey"));
    assert.ok("Idempotent-Replayed" in responses["201"]!.headers!);
    const codesOf = (status: string) =>
      Object.keys(responses[status]!.content["application/problem+json"]!.examples!);
    assert.ok(codesOf("409").includes("idempotency_key_in_progress"));
    assert.deepEqual(codesOf("422"), ["idempotency_key_reused"]);
  });
});

describe("a declaration of a call that may be repeated", () => {
  const whole = declareRoute({
    ...COMMON,
    operationId: "makeThing",
    method: "POST",
    path: "",
    isRepeatable: true,
    answers: { 200: { says: "It.", schema: z.boolean(), example: true } },
    handle: async () => ({ status: 200, body: true }),
  });
  const bytes = { 200: { says: "It.", bytes: "application/octet-stream" } };
  for (const [what, change, says] of [
    ["is no POST", { method: "PUT" }, /PUT is so by itself/],
    ["is for anybody", { scope: ANYBODY }, /nobody's without a caller/],
    ["has an answer that is no JSON", { answers: bytes }, /no JSON/],
  ] as const) {
    it(`is not mounted when it ${what}`, async () => {
      const { app } = mounted([{ ...whole, ...change }], new MemoryKeys());
      await assert.rejects(async () => app.ready(), { code: "route_not_declared", message: says });
    });
  }

  it("is not mounted where nobody keeps the keys", async () => {
    const { app } = mounted([whole]);
    await assert.rejects(async () => app.ready(), { code: "route_not_declared", message: /idempotencyKeys/ });
  });
});
