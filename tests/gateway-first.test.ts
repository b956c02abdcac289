import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  bearer,
  exchange,
  holdsFor,
  RelyingParty,
  type SecondGateway,
  type Stack,
  signIn,
  startSecondGateway,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";

describe("a gateway started before the authorization server", () => {
  let stack: Stack;
  let gateway: SecondGateway;

  before(async () => {
    stack = await startStack();
  });
  after(async () => {
    await gateway?.server.stop();
    await stack.stop();
  });

  it("is not ready and serves nothing, then becomes ready by itself and knows what was revoked", async () => {
    const party = await RelyingParty.discover(stack.info);
    const [revoked, good] = [await signIn(party, stack.info.demo), await signIn(party, stack.info.demo)];
    await new Administrator(stack.info).revoke({
      scope: "session",
      key: revoked.claims.sid,
      reason: "kicked",
    });

    await stack.kill("authServer");
    gateway = await startSecondGateway(stack);
    const paths = [stack.info.routes.orders, stack.info.routes.open];
    const askAll = (token: string) =>
      Promise.all(paths.map((path) => exchange(gateway.url + path, { headers: bearer(token) })));
    await holdsFor(
      1_500,
      async () => [...(await askAll(good.accessToken)), ...(await askAll(revoked.accessToken))],
      (answers) => answers.every(({ status }) => status === 503),
    );
    assert.equal(await gateway.isReady(), false);
    for (const answer of await askAll(good.accessToken)) {
      assert.match(String(answer.headers["retry-after"]), /^[1-9]\d*$/);
    }

    await stack.start("authServer");
    await until(() => gateway.isReady(), { what: "the gateway to become ready" });
    for (const answer of await askAll(good.accessToken)) assert.equal(answer.status, 200, answer.body);
    for (const answer of await askAll(revoked.accessToken)) assert.equal(answer.status, 401, answer.body);
  });
});
