/**
 * Nobody gives what he has not: an app that may write apps touches none that can do more here than it can itself. One row for each
 * operation that changes something about an app: a new one fails here until it has its own. Its tokens for scripts are in tokens/over-others.test.ts.
 */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ACCOUNT_SCOPES, API_SCOPES } from "@portcullis/protocol";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { type OpenApi, operationsOf } from "@portcullis/testing/openapi";
import { machineToken } from "../oidc/app.ts";
import { REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { type Calling, call, problemOf, startAdministered } from "../roles/administration.ts";

interface Act {
  readonly path: string;
  readonly method: string;
  readonly body?: object;
  readonly hasDryRun?: true;
}

/** In an order in which each can be done to an app. */
const ACTS: Readonly<Record<string, Act>> = {
  changeApp: { method: "PATCH", path: "", body: { postLogoutRedirectUris: [REDIRECT_URI] }, hasDryRun: true },
  createAppSecret: { method: "POST", path: "/secrets", body: {} },
  deleteAppSecret: { method: "DELETE", path: "/secrets/{id}" },
  disableApp: { method: "POST", path: "/disable", hasDryRun: true },
  enableApp: { method: "POST", path: "/enable" },
  deleteApp: { method: "DELETE", path: "", hasDryRun: true },
};

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered(({ clients, issuer }) => {
    clients.find(({ clientId }) => clientId === "service")!.resources[`${issuer}/api`] = [
      API_SCOPES.readApps,
      API_SCOPES.writeApps,
    ];
  });
});
after(() => server.stop());

async function callAs(client: string, path: string, calling: Calling): Promise<Exchange> {
  const token = await machineToken(server.issuer, client, `${server.issuer}/api`, "apps.read apps.write");
  return call(server, path, { ...calling, token });
}

const WEB = { type: "web", name: "Mine", redirectUris: [REDIRECT_URI] };

/** Each can do something here that no app can do by being one. */
const powerful = (): Readonly<Record<string, object>> => {
  const api = `${server.issuer}/api`;
  const account = `${server.issuer}/account`;
  return {
    "a permission at this API": {
      ...WEB,
      type: "service",
      redirectUris: [],
      apis: { [api]: ["keys.write"] },
    },
    // It has these itself, and as an app of an administrator's they reach over administrators.
    "its own permissions, for people": { ...WEB, apis: { [api]: ["apps.read"] } },
    "people's accounts": {
      ...WEB,
      firstParty: true,
      apis: { [account]: Object.values(ACCOUNT_SCOPES) },
    },
    "whatever is asked, without consent": { ...WEB, firstParty: true, apis: { [RESOURCE]: ["orders.read"] } },
    "sign-in by JSON": { ...WEB, firstParty: true, jsonSignIn: true },
    "every token's introspection": { ...WEB, introspectsAnyToken: true },
  };
};

async function idOfSecret(clientId: string): Promise<string> {
  const { items } = json<{ items: { id: string }[] }>(await callAs("admin", `apps/${clientId}/secrets`, {}));
  return items.at(-1)!.id;
}

async function made(client: string, settings: object): Promise<string> {
  const answer = await callAs(client, "apps", { method: "POST", body: settings });
  assert.equal(answer.status, 201, answer.body);
  return json<{ clientId: string }>(answer).clientId;
}

async function act(client: string, clientId: string, { path, method, body }: Act, query = "") {
  const filled = path.replace("{id}", path.includes("{id}") ? await idOfSecret(clientId) : "");
  return callAs(client, `apps/${clientId}${filled}${query}`, { method, ...(body && { body }) });
}

describe("an app that may write apps, and nothing else", () => {
  it("is asked here about every operation that changes something about an app", async () => {
    const document = json<OpenApi>(await exchange(`${server.issuer}/api/openapi.json`));
    const touching = [...operationsOf(document)].filter(
      ({ path, method }) =>
        method.toUpperCase() !== "GET" && path.includes("/apps/{clientId}") && !path.includes("/tokens"),
    );
    const ids = touching.map(({ operation }) => operation.operationId);
    assert.deepEqual(ids.toSorted(), Object.keys(ACTS).toSorted());
  });

  it("makes none that can do more than itself, and changes none to do so", async () => {
    const own = await made("service", WEB);
    for (const [power, settings] of Object.entries(powerful())) {
      const refused = await callAs("service", "apps", { method: "POST", body: settings });
      assert.deepEqual(problemOf(refused), [403, "not_yours_to_give"], power);
      const { type: _, ...patch } = settings as Record<string, unknown>;
      const changed = await callAs("service", `apps/${own}`, { method: "PATCH", body: patch });
      assert.deepEqual(problemOf(changed), [403, "not_yours_to_give"], power);
    }
  });

  it("does nothing to one that can do more than itself, tried out or for real; an administrator does all of it", async () => {
    for (const [power, settings] of Object.entries(powerful())) {
      const clientId = await made("admin", settings);
      for (const [id, asked] of Object.entries(ACTS)) {
        for (const query of asked.hasDryRun ? ["?dryRun=true", ""] : [""]) {
          const refused = await act("service", clientId, asked, query);
          assert.deepEqual(problemOf(refused), [403, "not_yours_to_give"], `${power}: ${id}${query}`);
        }
        const answer = await act("admin", clientId, asked);
        assert.ok(answer.status < 300, `${power}: ${id}: ${answer.body}`);
      }
    }
  });

  it("does not disable or enable the app of administrators, nor the built-in one", async () => {
    for (const clientId of ["admin", "console", "portcullis-cli"])
      for (const asked of [ACTS.disableApp!, ACTS.enableApp!])
        assert.deepEqual(
          problemOf(await act("service", clientId, asked)),
          [403, "not_yours_to_give"],
          clientId,
        );
  });

  it("does all of them to any other", async () => {
    const clientId = await made("service", { ...WEB, apis: { [RESOURCE]: ["orders.read"] } });
    for (const [id, asked] of Object.entries(ACTS)) {
      const answer = await act("service", clientId, asked);
      assert.ok(answer.status < 300, `${id}: ${answer.body}`);
    }
  });
});
