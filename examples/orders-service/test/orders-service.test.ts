import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { newIdentifier } from "@portcullis/testing";
import { World } from "./world.ts";

describe("the orders service", () => {
  let world: World;
  before(async () => {
    world = await World.open();
  });
  after(() => world.close());

  it("shows a caller their own orders, and who they are", async () => {
    const sid = newIdentifier();
    const { status, body } = await world.call("/orders", { token: world.issuer.mint({ sid, sub: "alice" }) });
    assert.equal(status, 200);
    assert.equal((body.orders as unknown[]).length, 3);
    assert.equal(body.via, "direct");
    assert.deepEqual(body.principal, {
      subject: "alice",
      clientId: "web",
      scopes: ["orders.read"],
      session: `${sid.slice(0, 6)}…`,
    });
    assert.ok(!JSON.stringify(body).includes(sid), "the session id can end the session: it is not given out");
  });

  it("places an order for the caller and for nobody else", async () => {
    const token = world.issuer.mint({ sub: "buyer", scope: "orders.read orders.write" });
    const placed = await world.call("/orders", { token, body: { item: "Oak door", quantity: 2 } });
    assert.equal(placed.status, 201);
    const { id } = placed.body.order as { id: string };
    const idsOf = async (sub: string) => {
      const { body } = await world.call("/orders", { token: world.issuer.mint({ sub }) });
      return (body.orders as { id: string }[]).map((order) => order.id);
    };
    assert.ok((await idsOf("buyer")).includes(id));
    assert.ok(!(await idsOf("somebody-else")).includes(id));
  });

  it("asks for the scope that a route needs", async () => {
    const write = { body: { item: "Oak door", quantity: 1 } };
    const refused = await world.call("/orders", write);
    assert.equal(refused.status, 403);
    assert.equal(refused.body.error, "insufficient_scope");
    const token = world.issuer.mint({ scope: "orders.write" });
    assert.equal((await world.call("/orders", { token })).status, 403);
  });

  it("refuses an order that is none", async () => {
    const token = world.issuer.mint({ scope: "orders.write" });
    for (const body of [
      {},
      { item: "", quantity: 1 },
      { item: "Oak door", quantity: 0 },
      { item: "x", quantity: 1.5 },
    ]) {
      assert.equal((await world.call("/orders", { token, body })).status, 400);
    }
  });

  it("refuses a revoked session with the reason, whatever way the call came", async () => {
    const sid = newIdentifier();
    const token = world.issuer.mint({ sid });
    const transactionToken = world.transactionToken();
    assert.equal((await world.call("/orders", { token, transactionToken })).status, 200);
    world.revocations.kill("session", sid, "logged_out");
    for (const options of [{ token }, { token, transactionToken }]) {
      const { status, headers, body } = await world.call("/orders", options);
      assert.equal(status, 401);
      assert.match(String(headers["www-authenticate"]), /reason="logged_out".*mode="kill"/);
      assert.equal(body.reason, "logged_out");
    }
  });

  it("shows the gateway's transaction when its token is the gateway's and about the caller", async () => {
    const { status, body } = await world.call("/orders", { transactionToken: world.transactionToken() });
    assert.equal(status, 200);
    assert.equal(body.via, "gateway");
    assert.equal(body.txn, "txn-1");
  });

  it("refuses a transaction token that is wrong in any way", async () => {
    const at = Math.floor(Date.now() / 1000);
    const wrong = {
      "about somebody else": world.transactionToken({ sub: "mallory" }),
      "for another trust domain": world.transactionToken({ aud: "elsewhere.example" }),
      "from another gateway": world.transactionToken({ iss: "https://evil.example" }),
      expired: world.transactionToken({ iat: at - 600, exp: at - 300 }),
      "an access token": world.gateway.mint(),
      "signed by the issuer": world.issuer.mint({ txn: "1" }, { header: { typ: "txntoken+jwt" } }),
      unsigned: `${world.transactionToken().split(".").slice(0, 2).join(".")}.`,
      "not a token": "x",
      empty: "",
    };
    for (const [name, transactionToken] of Object.entries(wrong)) {
      const { status, body } = await world.call("/orders", { transactionToken });
      assert.equal(status, 400, name);
      assert.equal(body.error, "invalid_transaction_token", name);
    }
  });

  it("when the replica is too old: 503 for orders, prices for all, and never a revoked session", async () => {
    const [good, sid] = [world.issuer.mint(), newIdentifier()];
    const revoked = world.issuer.mint({ sid });
    world.revocations.kill("session", sid, "kicked");
    world.revocations.ageMs = 6_000;
    try {
      const orders = await world.call("/orders", { token: good });
      assert.equal(orders.status, 503);
      assert.ok(Number(orders.headers["retry-after"]) >= 1);
      assert.equal((await world.call("/catalogue", { token: good })).status, 200);
      assert.equal((await world.call("/catalogue", { token: revoked })).status, 401);
    } finally {
      world.revocations.ageMs = 0;
    }
  });

  it("says whether it is ready, to anybody", async () => {
    const health = async () => (await world.app.inject({ url: "/health" })).statusCode;
    assert.equal(await health(), 200);
    world.revocations.ready = false;
    assert.equal(await health(), 503);
    world.revocations.ready = true;
  });

  it("without a gateway to believe, refuses every transaction token", async () => {
    const alone = await World.open({ withGateway: false });
    assert.equal((await alone.call("/orders")).status, 200);
    const { status } = await alone.call("/orders", { transactionToken: alone.transactionToken() });
    assert.equal(status, 400);
    await alone.close();
  });

  it("answers 503, not 400, while the gateway's keys cannot be fetched", async () => {
    const other = await World.open();
    const transactionToken = other.transactionToken();
    await other.gateway.stop();
    assert.equal((await other.call("/orders", { transactionToken })).status, 503);
    await other.close();
  });
});
