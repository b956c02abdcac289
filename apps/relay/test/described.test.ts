import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  documentProblems,
  exampleProblems,
  hiddenOperations,
  type OpenApi,
  operationsOf,
  undescribedRoutes,
} from "@portcullis/testing/openapi";
import type { Relay } from "../src/index.ts";
import { startWorld } from "./support/world.ts";

/** Whether the process is there is asked by balancers, whose pages nobody generates a client for. */
const NO_API = [/^\/health\/(live|ready)$/];

describe("what a relay serves", () => {
  it("is described in its OpenAPI document, all of it and nothing else", async (t) => {
    const relay = await (await startWorld(t)).relay();
    const document = await documentOf(relay);
    assert.deepEqual(await documentProblems(document), []);
    assert.deepEqual(undescribedRoutes(relay.routes, document, NO_API), []);
    assert.deepEqual(hiddenOperations(document, NO_API), []);
    assert.deepEqual(
      operationsOf(document).map(({ method, path }) => `${method} ${path}`),
      [
        "get /revocations/snapshot",
        "get /revocations/stream",
        "post /revocations/lease",
        "get /api/openapi.json",
      ],
    );
    const { checked, problems } = exampleProblems(document);
    assert.deepEqual(problems, []);
    assert.ok(checked > 15, String(checked));
  });

  it("asks for the scope that its document names, and refuses as that says", async (t) => {
    const relay = await (await startWorld(t)).relay();
    const refused = operationsOf(await documentOf(relay)).filter(
      ({ operation }) => operation.security.length > 0,
    );
    assert.equal(refused.length, 3);
    for (const { method, path, operation } of refused) {
      assert.deepEqual(operation.security, [{ token: ["revocations.read"] }]);
      const answer = await fetch(`${relay.url}${path}`, { method });
      assert.equal(answer.status, 401, path);
      const { error } = (await answer.json()) as { error: string };
      assert.ok(error in operation.responses["401"]!.content!["application/json"]!.examples!, error);
    }
  });

  it("says of a wrong method which there are, and of an unknown path that it is none", async (t) => {
    const { url } = await (await startWorld(t)).relay();
    const wrong = await fetch(`${url}/revocations/lease`);
    assert.deepEqual([wrong.status, wrong.headers.get("allow")], [405, "POST"]);
    assert.equal(((await wrong.json()) as { error: string }).error, "method_not_allowed");
    for (const path of ["/revocations/%ff", "/api/%ff", "/%ff"]) {
      const unreadable = await fetch(url + path);
      const said = (await unreadable.json()) as { code?: string; error?: string };
      assert.deepEqual([unreadable.status, said.code ?? said.error], [400, "invalid_request"], path);
    }
    for (const path of ["/revocations/nothing", "/nothing"]) {
      const unknown = await fetch(url + path);
      assert.deepEqual(
        [unknown.status, ((await unknown.json()) as { error: string }).error],
        [404, "not_found"],
      );
    }
  });

  it("does not tell its numbers where verifiers connect", async (t) => {
    const relay = await (await startWorld(t)).relay();
    for (const path of ["/metrics", "/livez", "/readyz", "/status"])
      assert.equal((await fetch(`${relay.url}${path}`)).status, 404, path);
  });
});

const documentOf = async (relay: Relay): Promise<OpenApi> =>
  (await fetch(`${relay.url}/api/openapi.json`)).json() as Promise<OpenApi>;
