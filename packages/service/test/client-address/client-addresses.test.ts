import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, describe, it } from "node:test";
import { createClientAddresses, type TrustedProxies } from "../../src/index.ts";
import { version1, version2 } from "./prefaces.ts";

const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
});

/** A server that answers with the address that it sees, and with the body that it got. */
async function serve(trusted?: Partial<TrustedProxies>, prefaceLimitMs = 5000) {
  const settings = trusted && {
    addresses: ["127.0.0.1"],
    header: undefined,
    proxyProtocol: false,
    ...trusted,
  };
  const addresses = createClientAddresses(settings, { prefaceLimitMs });
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    response.end(`[${addresses.of(request)}]${body}`);
  });
  addresses.watch(server);
  servers.push(server);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connected = (from = "127.0.0.1") => connect({ port, host: "127.0.0.1", localAddress: from });
  return {
    connected,
    ask: (lines: string[], from?: string) => addressOver(connected(from), requestOf(lines)),
  };
}

const requestOf = (lines: readonly string[]) =>
  ["GET / HTTP/1.1", "host: x", "connection: close", ...lines, "", ""].join("\r\n");

async function textOver(socket: Socket, ...parts: readonly (string | Buffer)[]): Promise<string> {
  socket.on("error", () => undefined);
  let text = "";
  socket.on("data", (data) => {
    text += data;
  });
  for (const part of parts) {
    socket.write(part);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await once(socket, "close");
  return text;
}

async function addressOver(
  socket: Socket,
  ...parts: readonly (string | Buffer)[]
): Promise<string | undefined> {
  return /\[([^\]]*)\]/.exec(await textOver(socket, ...parts))?.[1];
}

describe("without trusted proxies", () => {
  it("a client is where its connection comes from, whatever it says", async () => {
    const { ask } = await serve();
    assert.equal(
      await ask(["x-forwarded-for: 6.6.6.6", "forwarded: for=6.6.6.6", "x-real-ip: 6.6.6.6"]),
      "127.0.0.1",
    );
    assert.equal(await ask([], "127.0.0.9"), "127.0.0.9");
  });
});

describe("a header of a trusted proxy", () => {
  it("is believed from it and from nobody else", async () => {
    const { ask } = await serve({ header: "x-forwarded-for" });
    assert.equal(await ask(["x-forwarded-for: 192.0.2.1"]), "192.0.2.1");
    assert.equal(await ask(["x-forwarded-for: 192.0.2.1"], "127.0.0.9"), "127.0.0.9");
  });

  it("is the one that was configured: the other is the client's", async () => {
    const { ask } = await serve({ header: "forwarded" });
    assert.equal(await ask(["x-forwarded-for: 6.6.6.6", 'forwarded: for="[2001:db8::1]:1"']), "2001:db8::1");
    assert.equal(await ask(["x-forwarded-for: 6.6.6.6", "x_forwarded_for: 6.6.6.6"]), "127.0.0.1");
  });

  it("is walked from the right, over all its lines, as far as proxies wrote it", async () => {
    const { ask } = await serve({ header: "x-forwarded-for", addresses: ["127.0.0.1", "10.0.0.0/8"] });
    assert.equal(
      await ask(["x-forwarded-for: 6.6.6.6, 192.0.2.1, 10.1.1.1", "X-Forwarded-For: 10.2.2.2"]),
      "192.0.2.1",
    );
    assert.equal(await ask(["x-forwarded-for: 10.1.1.1, 10.2.2.2"]), "10.1.1.1");
  });

  it("ends at the last trusted hop where it cannot be read", async () => {
    const { ask } = await serve({ header: "x-forwarded-for", addresses: ["127.0.0.1", "10.0.0.0/8"] });
    for (const hop of ["unknown", "_hidden", "x", '"6.6.6.6"', "6.6.6.6 "]) {
      const seen = await ask([`x-forwarded-for: 7.7.7.7, ${hop}, 10.1.1.1`]);
      assert.equal(seen, hop === "6.6.6.6 " ? "6.6.6.6" : "10.1.1.1", hop);
    }
  });

  it("is not lost behind thousands of header lines of the client", async () => {
    const { ask } = await serve({ header: "x-forwarded-for" });
    const noise = Array.from({ length: 2500 }, () => "a:");
    assert.equal(
      await ask(["x-forwarded-for: 6.6.6.6", ...noise, "x-forwarded-for: 192.0.2.1"]),
      "192.0.2.1",
    );
  });

  it("in a loop of proxies ends somewhere", async () => {
    const { ask } = await serve({ header: "x-forwarded-for" });
    assert.equal(await ask([`x-forwarded-for: 192.0.2.1${", 127.0.0.1".repeat(1000)}`]), "127.0.0.1");
  });
});

describe("the PROXY protocol", () => {
  const post = (body: string) =>
    `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;

  it("names the client of the connection, in one piece or byte by byte", async () => {
    const { connected } = await serve({ proxyProtocol: true });
    for (const preface of [Buffer.from(version1("192.0.2.1")), version2("192.0.2.1")]) {
      const all = Buffer.concat([preface, Buffer.from(post("hello"))]);
      assert.match(await textOver(connected(), all), /\[192\.0\.2\.1\]hello$/);
      const bytes = [...all].map((byte) => Buffer.from([byte]));
      assert.match(await textOver(connected(), ...bytes), /\[192\.0\.2\.1\]hello$/);
    }
  });

  it("stands once before all requests of the connection, pipelined ones and large bodies included", async () => {
    const { connected } = await serve({ proxyProtocol: true });
    const first = post("a".repeat(300_000)).replace("connection: close\r\n", "");
    const text = await textOver(connected(), version2("2001:db8::1"), first + first + post("end"));
    assert.equal(text.match(/\[2001:db8::1\]/g)?.length, 3);
    assert.equal(text.match(/\]a{300000}/g)?.length, 2);
    assert.match(text, /\]end$/);
  });

  it("is required of a proxy: without it, or with a wrong one, the connection ends without an answer", async () => {
    const { connected } = await serve({ proxyProtocol: true });
    for (const bytes of [post("x"), "PROXY TCP4 x y 1 1\r\n", version2("192.0.2.1", { family: 0x31 })]) {
      assert.equal(await textOver(connected(), bytes), "");
    }
  });

  it("is not understood from anybody else", async () => {
    const { connected, ask } = await serve({ proxyProtocol: true });
    assert.match(await textOver(connected("127.0.0.9"), version1("6.6.6.6") + post("x")), /^HTTP\/1\.1 400/);
    assert.equal(await ask([], "127.0.0.9"), "127.0.0.9");
  });

  it("lets the proxy speak for itself", async () => {
    const { connected } = await serve({ proxyProtocol: true });
    const local = version2("6.6.6.6", { command: 0x20 });
    assert.equal(await addressOver(connected(), local, requestOf([])), "127.0.0.1");
    assert.equal(await addressOver(connected(), "PROXY UNKNOWN\r\n", requestOf([])), "127.0.0.1");
  });

  it("is cut when it comes too slowly, or not to its end", async () => {
    const { connected } = await serve({ proxyProtocol: true }, 50);
    assert.equal(await textOver(connected(), "PROXY TCP4"), "");
    assert.equal(await textOver(connected()), "");
    const { connected: patient } = await serve({ proxyProtocol: true });
    const half = patient();
    half.end("PROXY TCP4");
    assert.equal(await textOver(half), "");
    const reset = patient();
    await once(reset, "connect");
    reset.write("PROXY");
    reset.resetAndDestroy();
  });

  it("goes before a header: the hop that it names must be a proxy for the header to count", async () => {
    const { connected } = await serve({
      proxyProtocol: true,
      header: "x-forwarded-for",
      addresses: ["127.0.0.1", "10.0.0.0/8"],
    });
    const ask = (source: string) =>
      addressOver(connected(), version2(source), requestOf(["x-forwarded-for: 192.0.2.1"]));
    assert.equal(await ask("10.1.1.1"), "192.0.2.1");
    assert.equal(await ask("6.6.6.6"), "6.6.6.6");
  });
});
