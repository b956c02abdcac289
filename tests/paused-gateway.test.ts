import assert from "node:assert/strict";
import { once } from "node:events";
import { Agent, createServer, type Server, type ServerResponse } from "node:http";
import { after, afterEach, before, describe, it } from "node:test";
import {
  Administrator,
  assertRefused,
  bearer,
  type Device,
  exchange,
  isServing,
  RelyingParty,
  type SecondGateway,
  type Stack,
  signIn,
  startSecondGateway,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";

describe("a gateway that does not run for a while", () => {
  let stack: Stack;
  let party: RelyingParty;
  let admin: Administrator;
  let gateway: SecondGateway;
  let slow: SlowUpstream;

  before(async () => {
    stack = await startStack();
    slow = await startSlowUpstream(stack.portBase + 7);
    gateway = await startSecondGateway(stack, (configuration) => {
      for (const route of configuration.routes) route.upstream = slow.url;
    });
    await until(() => gateway.isReady(), { what: "the second gateway to be ready" });
    party = await RelyingParty.discover(stack.info);
    admin = new Administrator(stack.info);
  });
  after(async () => {
    await gateway.server.stop();
    slow.server.close();
    await stack.stop();
  });
  afterEach(() => {
    stack.signal("authServer", "SIGCONT");
    stack.signal("gateway", "SIGCONT");
    gateway.server.child.kill("SIGCONT");
  });

  const kick = (device: Device) =>
    admin.revoke({ scope: "session", key: device.claims.sid, reason: "kicked" }, { wait: 15 });
  const orders = () => stack.info.routes.orders;

  it("answers 503 when it wakes, on new and kept-alive connections, until it has heard what it missed", async () => {
    const device = await signIn(party, stack.info.demo);
    const agent = new Agent({ keepAlive: true });
    const ask = (through?: Agent) =>
      exchange(stack.ways().gateway, {
        headers: bearer(device.accessToken),
        ...(through !== undefined && { agent: through }),
      });
    assert.equal((await ask(agent)).status, 200);

    stack.signal("gateway", "SIGSTOP");
    // Its stream dies with the authorization server: the kick does not wait in a socket for it to wake.
    await stack.kill("authServer", "SIGKILL");
    await stack.start("authServer");
    await until(() => isServing(stack.info.issuer), { what: "the authorization server to be back" });
    const { receipt } = await kick(device);
    assert.equal(receipt.state, "enforced", "its lease ran out while it slept");
    stack.signal("authServer", "SIGSTOP");
    const answers = Promise.all([ask(agent), ask(), ask()]);
    stack.signal("gateway", "SIGCONT");
    for (const answer of await answers) assert.equal(answer.status, 503, answer.body);
    stack.signal("authServer", "SIGCONT");
    await until(async () => (await ask()).status === 401, { what: "the reason, once it has caught up" });
    assertRefused(await ask(), "kicked");
    agent.destroy();
  });

  it("does not pass on a 200 that the upstream gave while it slept", async () => {
    const device = await signIn(party, stack.info.demo);
    const answer = exchange(gateway.url + orders(), { headers: bearer(device.accessToken) });
    const held = await slow.next();

    gateway.server.child.kill("SIGSTOP");
    held.end("late orders");
    const { receipt } = await kick(device);
    assert.equal(receipt.state, "enforced");
    gateway.server.child.kill("SIGCONT");
    const { status, body } = await answer;
    assert.ok(status === 401 || status === 503, `${status}: ${body}`);
    assert.doesNotMatch(body, /late orders/);
  });

  it("does not start a 200 after the receipt for a request that it had let through before", async () => {
    await until(() => gateway.isReady(), { what: "the second gateway to be ready" });
    const device = await signIn(party, stack.info.demo);
    const answer = exchange(gateway.url + orders(), { headers: bearer(device.accessToken) });
    const held = await slow.next();
    const { receipt } = await kick(device);
    assert.equal(receipt.state, "enforced");
    held.end("late orders");
    assertRefused(await answer, "kicked");
  });
});

interface SlowUpstream {
  readonly server: Server;
  readonly url: string;
  /** The next request that reached it; the test decides when it is answered. */
  next(): Promise<ServerResponse>;
}

async function startSlowUpstream(port: number): Promise<SlowUpstream> {
  const server = createServer();
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const next = async () => {
    const [, response] = await once(server, "request");
    return response as ServerResponse;
  };
  return { server, url: `http://127.0.0.1:${port}`, next };
}
