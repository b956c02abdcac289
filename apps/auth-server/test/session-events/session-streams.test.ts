/** The open streams by themselves: the order of asking and hearing, and what is done with who does not read. */
import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { describe, it } from "node:test";
import { type Reason, silentLog } from "@portcullis/protocol";
import type { TokenCoordinates, Verdict } from "@portcullis/revocation";
import { FrozenClock } from "@portcullis/testing";
import type { AppInSession } from "../../src/oidc/index.ts";
import { SessionStreams } from "../../src/session-events/session-streams.ts";

const APP: AppInSession = {
  clientId: "web",
  accountId: "alice",
  sid: "s",
  gid: "g",
  kid: "k",
  claims: { iss: "https://id.example", iat: 0, exp: 1 },
};

const killed = (reason: Reason, scope: "session" | "key" = "session"): Verdict => ({
  outcome: "killed",
  scope,
  reason,
});

class FakeResponse extends EventEmitter {
  readonly req = { socket: { destroyed: false } };
  destroyed = false;
  writableEnded = false;
  closed = false;
  socket = null;
  text = "";
  writeHead(): void {}
  write(bytes: string | Uint8Array): void {
    this.text += bytes;
  }
  end(bytes: Uint8Array): void {
    this.text += bytes;
    this.writableEnded = true;
    this.#close();
  }
  destroy(): void {
    this.destroyed = true;
    this.#close();
  }
  #close(): void {
    if (this.closed) return;
    this.closed = true;
    this.emit("close");
  }
}

function world() {
  const clock = new FrozenClock();
  const told = new Set<() => void>();
  const at = { verdict: { outcome: "allow" } as Verdict, ongoing: new Set(["g"]), sqlIsAway: false };
  let asked = 0;
  const streams = new SessionStreams({
    local: {
      coordinatesOf: () => ({}) as TokenCoordinates,
      verdict() {
        asked++;
        return at.verdict;
      },
    },
    log: {
      subscribe(listener) {
        told.add(() => listener([]));
        return () => told.clear();
      },
      onIncarnation: () => () => true,
      refresh: async () => 0,
    },
    async ongoingGrants() {
      if (at.sqlIsAway) throw new Error("away");
      return at.ongoing;
    },
    async describe(_app, reason) {
      if (at.sqlIsAway) throw new Error("away");
      return reason === undefined ? {} : { reason };
    },
    setTimer: clock.setTimer,
    operatorLog: silentLog,
  });
  return {
    at,
    streams,
    clock,
    asked: () => asked,
    append: (verdict: Verdict) => {
      at.verdict = verdict;
      for (const tell of told) tell();
    },
    open() {
      const response = new FakeResponse();
      streams.open(response as unknown as ServerResponse, APP);
      return response;
    },
  };
}

/** Resolves once the stream is open. */
async function connected(server: Server): Promise<Socket> {
  if (!server.listening) await once(server.listen(0, "127.0.0.1"), "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.on("error", () => undefined);
  socket.write("GET / HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(socket, "data");
  return socket;
}

/** What the system takes for a connection that nobody reads is megabytes: as much, at once, as it would be in months of heartbeats. */
function fill(socket: Socket): void {
  const some = Buffer.alloc(2048);
  while (socket.writableLength === 0) socket.write(some);
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("open streams", () => {
  it("hear what was ended after they asked and before they were open", async () => {
    const { streams, at, open } = world();
    assert.deepEqual(await streams.standingOf(APP), { stands: true });
    at.verdict = killed("kicked");
    const response = open();
    await settled();
    assert.match(response.text, /event: session-ended\ndata: \{"reason":"kicked"\}/);
    assert.equal(streams.size, 0);
    streams.close();
  });

  it("are not begun, and no session is said to be over, where the key of the ID token was retired meanwhile", async () => {
    const { streams, at } = world();
    at.verdict = killed("key_retired", "key");
    assert.equal(await streams.standingOf(APP), "unproved");
    streams.close();
  });

  it("are judged once for all that came within some milliseconds", async () => {
    const { streams, append, open, clock, asked } = world();
    const response = open();
    const before = asked();
    for (let records = 0; records < 50; records++)
      append({ outcome: "stale", scope: "subject", reason: "claims_changed" });
    clock.advance(100);
    assert.equal(asked(), before + 1);
    append(killed("banned"));
    clock.advance(100);
    await settled();
    assert.match(response.text, /"reason":"banned"/);
    streams.close();
  });

  it("say that it has ended though SQL cannot be read, and go on listening through that", async () => {
    const { streams, append, at, open, clock } = world();
    const response = open();
    at.sqlIsAway = true;
    await streams.beat();
    await streams.beat();
    assert.equal(response.closed, false);
    append(killed("replaced"));
    clock.advance(100);
    await settled();
    assert.match(response.text, /data: \{"reason":"replaced"\}/);
    streams.close();
  });

  it("say nothing of a key that is dead: whoever made the ID token may have stolen it", () => {
    const { streams, append, open, clock } = world();
    const response = open();
    append(killed("key_retired", "key"));
    clock.advance(100);
    assert.equal(response.destroyed, true);
    assert.doesNotMatch(response.text, /session-ended/);
    streams.close();
  });

  it("are cut when nobody reads them, with a few kilobytes that wait, and counted; others hear on", async (t) => {
    const { streams } = world();
    const responses: ServerResponse[] = [];
    const server = createServer((_request, response) => {
      responses.push(response);
      streams.open(response, APP);
    });
    t.after(() => {
      streams.close();
      server.close();
      server.closeAllConnections();
    });
    const [slow, reading] = [await connected(server), await connected(server)];
    slow.pause();
    let heard = 0;
    reading.on("data", ({ length }) => {
      heard += length;
    });
    fill(responses[0]!.socket!);
    while (!responses[0]!.destroyed) {
      await streams.beat();
      assert.ok(responses[0]!.writableLength < 8192, "what waits for one is bounded");
      await settled();
    }
    assert.deepEqual([responses[1]!.destroyed, streams.size, streams.counters.cutSlow], [false, 1, 1]);
    const before = heard;
    await streams.beat();
    while (heard === before) await settled();
  });

  it("are all closed with the server, and none opens after that", () => {
    const { streams, open } = world();
    const before = open();
    streams.close();
    assert.deepEqual([before.destroyed, open().destroyed, streams.size], [true, true, 0]);
  });
});
