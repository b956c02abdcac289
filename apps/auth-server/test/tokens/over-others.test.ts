/**
 * Nobody gives what he has not: a token acts as its owner. One row for each operation that changes something about tokens of others: a new
 * one fails here until it has its own.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { type OpenApi, operationsOf } from "@portcullis/testing/openapi";
import { done, refusalOf } from "../api/administrator.ts";
import { basicOf, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { askTokens, makeTokenOf, startWithTokens, wantedToken } from "./tokens-under-test.ts";

interface Act {
  readonly owner: "users/alice" | "apps/powerful";
  readonly call: (id: string) => readonly ["POST" | "DELETE", string];
  /** Undefined: the scope is enough, since it only ends something. */
  readonly refusedWith?: string;
}

const rowsOf = (owner: Act["owner"], refusedWith: string) =>
  ({
    create: { owner, refusedWith, call: () => ["POST", `${owner}/tokens`] },
    rotate: { owner, refusedWith, call: (id) => ["POST", `${owner}/tokens/${id}/rotate`] },
    end: { owner, call: (id) => ["DELETE", `${owner}/tokens/${id}`] },
  }) satisfies Record<string, Act>;

const OF_USER = rowsOf("users/alice", "administrator_needed");
const OF_APP = rowsOf("apps/powerful", "not_yours_to_give");

/** In an order in which each can be done to one token. */
const ACTS: Readonly<Record<string, Act>> = {
  createUserToken: OF_USER.create,
  rotateUserToken: OF_USER.rotate,
  endUserToken: OF_USER.end,
  createAppToken: OF_APP.create,
  rotateAppToken: OF_APP.rotate,
  endAppToken: OF_APP.end,
};

let server: ServerUnderTest;
before(async () => {
  server = await startWithTokens(({ clients, issuer }) => {
    const service = clients.find(({ clientId }) => clientId === "service")!;
    const [, clientSecret] = Buffer.from(basicOf("few").split(" ")[1]!, "base64").toString().split(":");
    const few = { [`${issuer}/api`]: ["tokens.write"] };
    clients.push({ ...service, clientId: "few", clientSecret: clientSecret!, resources: few } as never);
    const powerful = { [RESOURCE]: ["orders.read"], [`${issuer}/api`]: ["users.write"] };
    clients.push({ ...service, clientId: "powerful", resources: powerful } as never);
  });
  await done(server, ["PUT", "users/alice/roles/administrator"], { scope: "users.write" });
});
after(() => server.stop());

const idOf = async (owner: Act["owner"]): Promise<string> => (await makeTokenOf(server, owner)).id;
const bodyOf = (call: readonly [string, string]) =>
  call[1].endsWith("/tokens") ? { body: wantedToken(server) } : {};

describe("a client that may write tokens, and nothing else", () => {
  it("is asked here about every operation that changes something about tokens", async () => {
    const document = json<OpenApi>(await exchange(`${server.issuer}/api/openapi.json`));
    const touching = operationsOf(document).filter(
      ({ path, method }) => method.toUpperCase() !== "GET" && path.includes("/tokens"),
    );
    assert.deepEqual(
      touching.map(({ operation }) => operation.operationId).toSorted(),
      Object.keys(ACTS).toSorted(),
    );
  });

  it("makes and rotates none of a user or an app that may do more, tried out or for real, and ends all", async () => {
    for (const [operation, { owner, call, refusedWith }] of Object.entries(ACTS)) {
      const asked = call(await idOf(owner));
      const queries = operation.startsWith("create") ? [""] : ["?dryRun=true", ""];
      for (const query of queries) {
        const path = [asked[0], `${asked[1]}${query}`] as const;
        const answer = await askTokens(server, path, { client: "few", ...bodyOf(asked) });
        if (refusedWith === undefined) assert.equal(answer.status, 200, operation);
        else assert.deepEqual(refusalOf(answer), [403, refusedWith], `${operation}${query}`);
      }
    }
  });

  it("does all of them to any other", async () => {
    for (const [operation, { owner, call }] of Object.entries(ACTS)) {
      const other = owner === "users/alice" ? "users/bob" : "apps/service";
      const { id } = await makeTokenOf(server, other);
      const [method, path] = call(id);
      const asked = [method, path.replace(owner, other)] as const;
      const { status, body } = await askTokens(server, asked, { client: "few", ...bodyOf(asked) });
      assert.ok(status < 300, `${operation}: ${JSON.stringify(body)}`);
    }
  });
});
