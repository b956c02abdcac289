/** Routes that ask the issuer: a gateway whose feed is cut goes on, and lets nobody in who is out. The issuer itself is stopped, and goes on. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Server, type Socket } from "node:net";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  assertRefused,
  bearer,
  exchange,
  json,
  RelyingParty,
  type SecondGateway,
  type Stack,
  signIn,
  startSecondGateway,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";

describe("a gateway that hears no revocations any more, and can ask", () => {
  let stack: Stack;
  let party: RelyingParty;
  let admin: Administrator;
  let gateway: SecondGateway;
  let wire: Wire;

  before(async () => {
    stack = await startStack();
    wire = await Wire.to(new URL(stack.info.issuer));
    gateway = await startSecondGateway(stack, (configuration) => {
      Object.assign(configuration.verifier, { feedEndpoint: `${wire.origin}/revocations` });
      const [orders, catalogue] = configuration.routes;
      orders!.freshness = { policy: "online", maxAgeSeconds: 2 };
      catalogue!.freshness = { policy: "closed", maxAgeSeconds: 2 };
    });
    await until(() => gateway.isReady(), { what: "the second gateway to be ready" });
    party = await RelyingParty.discover(stack.info);
    admin = new Administrator(stack.info);
  });
  after(async () => {
    stack.signal("authServer", "SIGCONT");
    await gateway.server.stop();
    await wire.close();
    await stack.stop();
  });

  const ask = (path: string, token: string) =>
    exchange(gateway.url + path, { headers: bearer(token), timeoutMs: 15_000 });
  const online = (token: string) => ask(stack.info.routes.orders, token);
  const closed = (token: string) => ask(stack.info.routes.open, token);
  const asked = async () => {
    const status = json<{ introspection: { active: number; inactive: number } }>(
      await exchange(`${gateway.management}/status`),
    );
    return status.introspection.active + status.introspection.inactive;
  };

  it("asks nobody while it hears, refuses the dead when it does not, and is 503 when nobody answers", async () => {
    const [staying, leaving] = [await signIn(party, stack.info.demo), await signIn(party, stack.info.demo)];
    for (const { accessToken } of [staying, leaving]) assert.equal((await online(accessToken)).status, 200);
    assert.equal(await asked(), 0);

    wire.cut();
    await until(async () => (await closed(staying.accessToken)).status === 503, {
      what: "the closed route to refuse",
    });
    for (const { accessToken } of [staying, leaving]) assert.equal((await online(accessToken)).status, 200);
    assert.ok((await asked()) >= 2);

    await admin.revoke({ scope: "session", key: leaving.claims.sid, reason: "kicked" }, { wait: 0 });
    assertRefused(await online(leaving.accessToken), "kicked");
    assert.equal((await online(staying.accessToken)).status, 200);

    stack.signal("authServer", "SIGSTOP");
    const unknown = await online(staying.accessToken);
    assert.equal(unknown.status, 503, unknown.body);
    assert.match(String(unknown.headers["retry-after"]), /^[1-9]\d*$/);
    stack.signal("authServer", "SIGCONT");
    await until(async () => (await online(staying.accessToken)).status === 200, {
      what: "the online route to serve again",
    });

    wire.mend();
    await until(async () => (await closed(staying.accessToken)).status === 200, {
      what: "the closed route to serve again",
    });
    assertRefused(await online(leaving.accessToken), "kicked");
    const before = await asked();
    assert.equal((await online(staying.accessToken)).status, 200);
    assert.equal(await asked(), before, "nobody is asked once it hears again");
  });
});

/** A way to a server that can be cut, and mended. */
class Wire {
  readonly origin: string;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  static async to({ hostname, port }: URL): Promise<Wire> {
    const server = createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new Wire(server, { host: hostname, port: Number(port) });
  }

  private constructor(server: Server, target: { host: string; port: number }) {
    this.#server = server;
    this.origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on("connection", (socket) => {
      if (this.#isCut) return void socket.destroy();
      const other = connect(target);
      for (const end of [socket, other]) {
        this.#sockets.add(end);
        end.on("error", () => {});
        end.on("close", () => this.#sockets.delete(end));
      }
      socket.pipe(other).pipe(socket);
      socket.on("close", () => other.destroy());
      other.on("close", () => socket.destroy());
    });
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, "close");
  }
}
