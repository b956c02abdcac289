import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { DRY_RUN, declareRoute, grantWait, PREFER_WAIT, PREFERENCE_APPLIED } from "@portcullis/http-api";
import { documentProblems } from "@portcullis/testing/openapi";
import { z } from "zod";
import { COMMON, mounted } from "./support/mounted.ts";

const end = (operationId: string, path: string) =>
  declareRoute({
    ...COMMON,
    operationId,
    method: "DELETE",
    path,
    parameters: { query: z.strictObject(DRY_RUN), headers: z.object(PREFER_WAIT) },
    answers: {
      200: {
        says: "What it ended.",
        schema: z.object({ isDry: z.boolean(), waitedMs: z.number() }),
        example: { isDry: false, waitedMs: 0 },
        headers: PREFERENCE_APPLIED,
      },
    },
    async handle({ query, headers }) {
      const wait = grantWait(headers.Prefer);
      return {
        status: 200,
        body: { isDry: query.dryRun, waitedMs: wait.milliseconds },
        headers: wait.headers,
      };
    },
  });

const { ask, document } = mounted([end("endThing", ""), end("endOther", "/other")]);

describe("a call that ends something", () => {
  it("is only tried when it is asked to be, and never by a word that may mean either", async () => {
    const isDry = async (query: string) => (await ask("", { method: "DELETE", query })).body.isDry;
    assert.deepEqual(
      [await isDry(""), await isDry("?dryRun=true"), await isDry("?dryRun=false")],
      [false, true, false],
    );
    for (const query of [
      "?dryRun=",
      "?dryRun=1",
      "?dryRun=True",
      "?dryRun=true&dryRun=false",
      "?dryrun=true",
    ]) {
      const { status, body } = await ask("", { method: "DELETE", query });
      assert.equal(status, 400, query);
      assert.match(body.problems[0].field, /^dry[rR]un$/);
    }
  });

  for (const [prefer, milliseconds, applied] of [
    [undefined, 0, undefined],
    ["respond-async", 0, undefined],
    ["wait=2", 2000, "wait=2"],
    ["respond-async, wait=5", 5000, "wait=5"],
    ["wait=0", 0, "wait=0"],
    ["wait=31", 30_000, "wait=30"],
    ["wait=99999", 30_000, "wait=30"],
    ["wait=-1", 0, undefined],
  ] as const) {
    it(`waits ${milliseconds} ms with Prefer: ${prefer}, and says so`, async () => {
      const headers = prefer === undefined ? {} : { prefer };
      const answer = await ask("", { method: "DELETE", headers });
      assert.deepEqual([answer.body.waitedMs, answer.headers["preference-applied"]], [milliseconds, applied]);
    });
  }

  it("is described by pieces that all such calls share", async () => {
    const described = await document();
    assert.deepEqual(await documentProblems(described), []);
    assert.deepEqual(Object.keys(described.components.parameters ?? {}).sort(), ["DryRun", "PreferWait"]);
    for (const path of ["/things", "/things/other"]) {
      const { parameters } = described.paths[path]!.delete as never as { parameters: { $ref: string }[] };
      assert.deepEqual(
        parameters.map(({ $ref }) => $ref.split("/").at(-1)),
        ["DryRun", "PreferWait"],
      );
    }
  });
});
