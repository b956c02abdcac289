import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { declareEnding } from "@portcullis/http-api";
import { errorsOf } from "@portcullis/protocol";
import { documentProblems } from "@portcullis/testing/openapi";
import { z } from "zod";
import { COMMON, idParameter, mounted } from "./support/mounted.ts";

const thingError = errorsOf({ unknown_thing: { status: 404, text: "There is no such thing." } });
const ended: string[] = [];

/** Asked beforehand and done, it is refused alike. */
const known = (id: string) => {
  if (id !== "7") throw thingError("unknown_thing");
};

const { ask, document } = mounted([
  declareEnding({
    ...COMMON,
    operationId: "endThing",
    method: "POST",
    path: "/{id}/end",
    parameters: {
      path: z.object({ id: z.string().meta(idParameter) }),
      query: z.strictObject({ force: z.string().optional().meta({ description: "Really." }) }),
    },
    body: { schema: z.strictObject({ note: z.string().optional() }), example: {}, mayBeAbsent: true },
    answer: {
      schema: z.object({ id: z.string(), waits: z.string().optional(), query: z.unknown() }),
      examples: { enforced: { id: "7", query: {} }, pending: { id: "7", query: {} } },
    },
    errors: thingError.definitions("unknown_thing"),
    async wouldEnd({ path }) {
      known(path.id);
      return { users: 1, sessions: 2, apps: 1, tokens: "unknown" };
    },
    async handle({ path, query, headers }) {
      known(path.id);
      ended.push(path.id);
      return { status: 202, body: { id: path.id, waits: headers.Prefer, query } };
    },
  }),
]);

const end = (query = "", more: object = {}) => ask("/7/end", { method: "POST", query, ...more });

describe("a route that ends something", () => {
  beforeEach(() => void ended.splice(0));

  it("says what it would end, and does not do it, when it is only tried", async () => {
    const { status, body } = await end("?dryRun=true");
    assert.deepEqual(
      [status, body],
      [200, { dryRun: true, ends: { users: 1, sessions: 2, apps: 1, tokens: "unknown" } }],
    );
    assert.deepEqual(ended, []);
  });

  it("does it otherwise, with its own parameters beside those that all such routes have", async () => {
    const { status, body } = await end("?force=yes", { headers: { prefer: "wait=2" } });
    assert.deepEqual([status, body], [202, { id: "7", waits: "wait=2", query: { force: "yes" } }]);
    assert.deepEqual(ended, ["7"]);
  });

  it("is not done by a misspelt dry run, nor with a body that is wrong", async () => {
    for (const query of ["?dryrun=true", "?dryRun=yes", "?dryRun=true&dryRun=false"])
      assert.equal((await end(query)).status, 400, query);
    assert.equal((await end("?dryRun=true", { body: { reason: "x" } })).status, 400);
    assert.deepEqual(ended, []);
  });

  it("is refused alike when it is tried and when it is done", async () => {
    for (const query of ["", "?dryRun=true"]) {
      const { status, body } = await ask("/8/end", { method: "POST", query });
      assert.deepEqual([status, body.code], [404, "unknown_thing"]);
    }
  });

  it("is described with both answers, and marked", async () => {
    const described = await document();
    assert.deepEqual(await documentProblems(described), []);
    const operation = described.paths["/things/{id}/end"]!.post as never as {
      "x-portcullis-ends": boolean;
      parameters: { $ref?: string; name?: string }[];
      responses: Record<string, { headers: object }>;
    };
    assert.equal(operation["x-portcullis-ends"], true);
    const names = operation.parameters.map(({ $ref, name }) => name ?? $ref?.split("/").at(-1));
    assert.deepEqual(names, ["id", "force", "DryRun", "PreferWait"]);
    for (const status of ["200", "202"])
      assert.ok("Preference-Applied" in operation.responses[status]!.headers, status);
  });
});
