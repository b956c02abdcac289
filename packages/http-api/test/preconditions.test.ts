import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { declareRoute, ETAG, etagOf, IF_MATCH, requireMatch } from "@portcullis/http-api";
import { documentProblems } from "@portcullis/testing/openapi";
import { z } from "zod";
import { COMMON, mounted } from "./support/mounted.ts";

const thing = z.object({ name: z.string() });
const answers = {
  200: { says: "The thing.", schema: thing, example: { name: "box" }, headers: ETAG },
} as const;

/** One thing, whose version is counted. */
function openThing() {
  const state = { name: "box", version: 7 };
  const shown = () => ({ status: 200 as const, body: { name: state.name }, headers: etagOf(state.version) });
  const read = declareRoute({
    ...COMMON,
    operationId: "readThing",
    method: "GET",
    path: "",
    answers,
    handle: async () => shown(),
  });
  const rename = declareRoute({
    ...COMMON,
    operationId: "renameThing",
    method: "PATCH",
    path: "",
    parameters: { headers: z.object(IF_MATCH) },
    body: { schema: thing, example: { name: "chest" } },
    answers,
    async handle({ headers, body }) {
      requireMatch(headers["If-Match"], state.version);
      Object.assign(state, { name: body.name, version: state.version + 1 });
      return shown();
    },
  });
  return mounted([read, rename]);
}

const renamed = (ifMatch?: string) => ({
  method: "PATCH" as const,
  body: { name: "chest" },
  headers: ifMatch === undefined ? {} : { "if-match": ifMatch },
});

describe("a change of a thing with versions", () => {
  it("is made to the version that its caller has seen, and tells the next one", async () => {
    const { ask } = openThing();
    const { headers } = await ask("");
    assert.equal(headers.etag, '"7"');
    const changed = await ask("", renamed(String(headers.etag)));
    assert.deepEqual([changed.status, changed.headers.etag], [200, '"8"']);
  });

  it("is refused with 412 once somebody else has made one, and changes nothing", async () => {
    const { ask } = openThing();
    await ask("", renamed('"7"'));
    const late = await ask("", { ...renamed('"7"'), body: { name: "crate" } });
    assert.deepEqual([late.status, late.body.code], [412, "precondition_failed"]);
    assert.equal(late.headers["content-type"], "application/problem+json");
    assert.deepEqual((await ask("")).body, { name: "chest" });
  });

  it("needs no version: nobody is answered 428", async () => {
    assert.equal((await openThing().ask("", renamed())).status, 200);
  });

  for (const [ifMatch, status] of [
    ["*", 200],
    ['"5", "7"', 200],
    ['"6","8"', 412],
    ['W/"7"', 412],
    ['W/"7", "7"', 200],
    ['""', 412],
    ["7", 400],
    ['"7', 400],
    ['"5" "7"', 400],
    ['*, "7"', 400],
    ["", 400],
  ] as const) {
    it(`answers ${status} to If-Match: ${ifMatch}`, async () => {
      const answer = await openThing().ask("", renamed(ifMatch));
      assert.equal(answer.status, status);
      if (status === 400) assert.deepEqual(answer.body.problems.map(fieldOf), ["If-Match"]);
    });
  }

  it("fails with any If-Match when there is no such thing", () => {
    for (const ifMatch of ["*", ['"7"']] as const)
      assert.throws(() => requireMatch(ifMatch, undefined), { code: "precondition_failed" });
    requireMatch(undefined, undefined);
  });

  it("has no version that would end its header early", () => {
    for (const version of ['a"b', "a\r\nb", "ä"]) assert.throws(() => etagOf(version), TypeError);
  });

  it("is described with the header, its error and what answers tell", async () => {
    const document = await openThing().document();
    assert.deepEqual(await documentProblems(document), []);
    const { parameters, responses } = document.paths["/things"]!.patch as never as {
      parameters: object[];
      responses: Record<string, { headers?: object; content?: Record<string, { examples?: object }> }>;
    };
    assert.deepEqual(parameters, [{ $ref: "#/components/parameters/IfMatch" }]);
    assert.ok("precondition_failed" in responses["412"]!.content!["application/problem+json"]!.examples!);
    assert.ok("ETag" in responses["200"]!.headers!);
    assert.ok(!("412" in document.paths["/things"]!.get!.responses));
  });
});

const fieldOf = ({ field }: { readonly field: string }) => field;
