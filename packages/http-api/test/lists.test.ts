import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { pageSchemaOf, silentLog } from "@portcullis/protocol";
import Fastify from "fastify";
import { z } from "zod";
import {
  ANYBODY,
  declaredRoutes,
  declareRoute,
  listParameters,
  PROBLEM_DETAILS,
  readPage,
} from "../src/index.ts";

interface Dog {
  readonly name: string;
  readonly age: number;
}

/** By age, then by name; `named` is a filter. */
function openKennel(dogs: Dog[]) {
  const placeSchema = z.strictObject({ age: z.number(), name: z.string() });
  const asked: number[] = [];
  const list = declareRoute({
    operationId: "listDogs",
    method: "GET",
    path: "",
    tag: "Dogs",
    summary: "List the dogs",
    scope: ANYBODY,
    parameters: {
      query: z.strictObject({
        ...listParameters(placeSchema),
        named: z.string().optional().meta({ description: "Only dogs of this name." }),
      }),
    },
    answers: {
      200: {
        says: "A page.",
        schema: pageSchemaOf(z.object({ name: z.string(), age: z.number() })),
        example: { items: [{ name: "Rex", age: 3 }] },
      },
    },
    errors: [],
    async handle({ query }) {
      const some = () =>
        dogs
          .filter(({ name }) => query.named === undefined || name === query.named)
          .toSorted((left, right) => left.age - right.age || (left.name < right.name ? -1 : 1));
      const page = await readPage(query, {
        read: async (after, limit) => {
          asked.push(limit);
          const behind = ({ age, name }: Dog) =>
            after === undefined || age > after.age || (age === after.age && name > after.name);
          return some().filter(behind).slice(0, limit);
        },
        count: async () => some().length,
        placeOf: ({ age, name }) => ({ age, name }),
      });
      return { status: 200, body: page };
    },
  });
  const app = Fastify();
  const never = async () => assert.fail("nobody is asked for a token");
  app.register(declaredRoutes([list], { authenticate: never, form: PROBLEM_DETAILS, log: silentLog }), {
    prefix: "/dogs",
  });
  const get = async (query: Record<string, string> = {}) => {
    const answer = await app.inject({ url: `/dogs?${new URLSearchParams(query)}` });
    return { status: answer.statusCode, ...answer.json<Answer>() };
  };
  const all = async (query: Record<string, string>, between: () => void = () => {}) => {
    const items: Dog[] = [];
    for (let next: string | undefined = ""; next !== undefined; ) {
      const page: Answer = await get({ ...query, ...(next === "" ? {} : { cursor: next }) });
      items.push(...page.items);
      next = page.next;
      between();
    }
    return items;
  };
  return { get, all, asked };
}

interface Answer {
  readonly items: readonly Dog[];
  readonly next?: string;
  readonly total?: number;
  readonly code: string;
  readonly problems: readonly { readonly field: string }[];
}

const pack = (size: number): Dog[] =>
  Array.from({ length: size }, (_, at) => ({ name: `d${String(at).padStart(3, "0")}`, age: at % 7 }));

describe("a list", () => {
  it("has 50 items on a page where nobody says otherwise, and says whether there are more", async () => {
    const { get } = openKennel(pack(51));
    const first = await get();
    assert.equal(first.items.length, 50);
    assert.ok(!("total" in first));
    const second = await get({ cursor: first.next! });
    assert.equal(second.items.length, 1);
    assert.ok(!("next" in second));
  });

  it("does not say that there is more when the last page is full", async () => {
    const { get, asked } = openKennel(pack(4));
    assert.ok(!("next" in (await get({ limit: "4" }))));
    assert.deepEqual(asked, [5]);
  });

  it("gives each item once, whatever the size of a page", async () => {
    for (const size of [0, 1, 2, 7, 20, 40]) {
      for (const limit of [1, 2, 3, 7, 20, 40, 45]) {
        const dogs = pack(size);
        const found = await openKennel(dogs).all({ limit: String(limit) });
        assert.deepEqual(
          found.map(({ name }) => name).sort(),
          dogs.map(({ name }) => name),
        );
      }
    }
  });

  it("gives each item that stays once, while others come and go", async () => {
    const dogs = pack(20);
    const staying = dogs.map(({ name }) => name);
    let visitor = 0;
    const found = await openKennel(dogs).all({ limit: "3" }, () => {
      visitor += 1;
      dogs.unshift({ name: `visitor-${visitor}`, age: 0 });
      if (visitor === 2)
        dogs.splice(
          dogs.findIndex(({ name }) => name === "visitor-1"),
          1,
        );
    });
    assert.deepEqual(
      found
        .map(({ name }) => name)
        .filter((name) => name.startsWith("d"))
        .sort(),
      staying,
    );
  });

  it("counts all that the filters let through when it is asked to", async () => {
    const { get } = openKennel(pack(9));
    assert.deepEqual((await get({ total: "true", limit: "2" })).total, 9);
    assert.deepEqual((await get({ total: "true", named: "d003" })).total, 1);
    assert.ok(!("total" in (await get({ total: "false" }))));
  });

  for (const limit of ["0", "201", "-1", "1.5", "", "all"]) {
    it(`refuses the limit ${JSON.stringify(limit)}, and takes 200`, async () => {
      const { get } = openKennel(pack(1));
      const { status, code, problems } = await get({ limit });
      assert.deepEqual(
        [status, code, problems.map(({ field }) => field)],
        [400, "invalid_request", ["limit"]],
      );
      assert.equal((await get({ limit: "200" })).status, 200);
    });
  }

  const asCursor = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const [what, cursor] of [
    ["not base64url", "a+/="],
    ["not JSON", Buffer.from("{").toString("base64url")],
    ["not UTF-8", Buffer.from([34, 255, 34]).toString("base64url")],
    ["of another list", asCursor({ age: "3", name: "x" })],
    ["one with more in it", asCursor({ age: 3, name: "x", also: 1 })],
    [
      "one that reaches for prototypes",
      Buffer.from('{"__proto__":{},"age":1,"name":"x"}').toString("base64url"),
    ],
    ["empty", ""],
    ["very long", asCursor({ age: 3, name: "x".repeat(4000) })],
  ] as const) {
    it(`refuses a cursor that is ${what}, by its name`, async () => {
      const { status, code, problems } = await openKennel(pack(3)).get({ cursor });
      assert.deepEqual(
        [status, code, problems.map(({ field }) => field)],
        [400, "invalid_request", ["cursor"]],
      );
    });
  }
});
