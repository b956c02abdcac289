import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Client } from "oidc-provider";
import { CLIENT_RESOURCES, INTROSPECTS_ANY_TOKEN } from "../../../src/apps/app-settings.ts";
import { mayIntrospect, mayLearnUsername, mayRevoke } from "../../../src/oidc/tokens/token-policy.ts";

const ORDERS = "https://orders.example";

function client(about: { readonly isPublic?: boolean; readonly isFlagged?: boolean } = {}): Client {
  return {
    clientId: "orders-service",
    clientAuthMethod: about.isPublic === true ? "none" : "client_secret_basic",
    [CLIENT_RESOURCES]: { [ORDERS]: [] },
    [INTROSPECTS_ANY_TOKEN]: about.isFlagged === true,
  } as unknown as Client;
}

const own = { clientId: "orders-service", audience: "https://other.example" };
const forOrders = { clientId: "web", audience: ORDERS };
const elsewhere = { clientId: "web", audience: "https://other.example" };
const forNobody = { clientId: "web", audience: undefined };

describe("a token", () => {
  it("may be revoked by the client that it was issued to, and by no other", () => {
    assert.equal(mayRevoke(client(), own), true);
    for (const token of [forOrders, elsewhere, forNobody, { clientId: undefined, audience: ORDERS }]) {
      assert.equal(mayRevoke(client({ isFlagged: true }), token), false);
    }
  });

  it("may be introspected by its client, and by a client that is configured for its API", () => {
    assert.deepEqual(
      [own, forOrders, elsewhere, forNobody].map((token) => mayIntrospect(client(), token)),
      [true, true, false, false],
    );
  });

  it("may be introspected by a client of its API when it opens the UserInfo endpoint too", () => {
    const token = { clientId: "web", audience: [ORDERS, "https://login.example/userinfo"] };
    assert.equal(mayIntrospect(client(), token), true);
    assert.equal(
      mayIntrospect(client(), { ...token, audience: ["https://other.example", ORDERS.slice(1)] }),
      false,
    );
    assert.equal(mayIntrospect(client(), { ...token, audience: "toString" }), false);
  });

  it("may be introspected by a client that cannot keep a secret when it is its own alone, flagged or not", () => {
    const isPublic = client({ isPublic: true, isFlagged: true });
    assert.deepEqual(
      [own, forOrders, elsewhere].map((token) => mayIntrospect(isPublic, token)),
      [true, false, false],
    );
  });

  it("may be introspected by a client that is flagged for all", () => {
    assert.equal(mayIntrospect(client({ isFlagged: true }), elsewhere), true);
    assert.equal(mayIntrospect(client({ isFlagged: true }), forNobody), true);
  });

  it("names its user to a service that was given it, and not to the app that has it", () => {
    assert.deepEqual(
      [forOrders, own, elsewhere, forNobody].map((token) => mayLearnUsername(client(), token)),
      [true, false, false, false],
    );
    assert.equal(mayLearnUsername(client({ isPublic: true, isFlagged: true }), forOrders), false);
    assert.equal(mayLearnUsername(client({ isFlagged: true }), own), true);
    assert.equal(mayLearnUsername(client({ isFlagged: true }), forNobody), true);
  });
});
