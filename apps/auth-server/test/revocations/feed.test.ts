import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import test from "node:test";
import { FeedHub } from "@portcullis/feed-server";
import { formatCursor, systemTimer } from "@portcullis/protocol";
import { pruneExpired } from "../../src/revocations/retention/prune.ts";
import { wallClock } from "../clocks.ts";
import { draft, oneTo, pruneTimeAt, withoutChain } from "../storage/temporary-storage.ts";
import { bearer, type RevocationsServer, serveRevocations, TOKEN_SECONDS } from "./revocations-server.ts";
import { firstReset, openStream, readUntil } from "./stream-reader.ts";

const append = (server: RevocationsServer, count: number, name = "s") =>
  server.storage.write((transaction) =>
    transaction.append(oneTo(count).map((index) => draft(`${name}${index}`))),
  );
const cursor = (server: RevocationsServer, seq: number) => formatCursor(server.storage.log.incarnation, seq);

test("a verifier gets what is appended, in order, each batch on the one before", async (t) => {
  const server = await serveRevocations(t);
  const reader = await openStream(server.endpoint, cursor(server, 0));
  assert.equal(reader.status, 200);
  assert.equal(reader.headers["content-type"], "text/event-stream");
  await append(server, 3);
  const batches = await readUntil(reader, 3);
  assert.deepEqual(
    batches.flatMap(({ records }) => records),
    (await server.storage.log.read(0, 10)).map(withoutChain),
  );
  assert.equal(batches.at(-1)!.id, cursor(server, 3));
  reader.close();
});

test("no gap and no repeat for verifiers that join, leave and resume while the log grows", async (t) => {
  const server = await serveRevocations(t);
  await append(server, 2500, "old");
  const last = 2500 + 150 * 4;
  let following = true;
  const writing = (async () => {
    for (const round of oneTo(150)) {
      await append(server, 4, `round${round}-`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    following = false;
  })();

  /** Reads a few batches, hangs up, comes back with the id of the last one, as an EventSource would. */
  const follow = async (start: number, batchesATime: number) => {
    const seqs: number[] = [];
    let id = cursor(server, start);
    let applied = start;
    while (applied < last) {
      const reader = await openStream(server.endpoint, id);
      let read = 0;
      for await (const event of reader.events) {
        if (event.type !== "batch") continue;
        assert.equal(event.batch.prev, applied);
        assert.equal(event.batch.from, applied + 1);
        seqs.push(...event.records.map(({ seq }) => seq));
        applied = event.batch.to;
        id = event.id;
        if (++read === batchesATime || applied === last) break;
      }
      reader.close();
    }
    assert.deepEqual(
      seqs,
      oneTo(last - start).map((index) => start + index),
    );
  };
  await Promise.all([
    follow(0, 1),
    follow(0, 1_000_000),
    follow(1, 3),
    follow(2499, 7),
    follow(2500, 2),
    writing,
  ]);
  assert.equal(following, false);
});

test("a verifier whose snapshot is ahead of what was sent live, or in the middle of a batch, misses nothing", async (t) => {
  const server = await serveRevocations(t);
  for (const start of oneTo(40)) {
    // Both happen in one turn: the batch is not sent yet when the stream opens.
    const [, reader] = await Promise.all([
      append(server, 3),
      openStream(server.endpoint, cursor(server, 3 * (start - 1))),
    ]);
    const batches = await readUntil(reader, 3 * start);
    assert.deepEqual(
      batches.flatMap(({ records }) => records.map(({ seq }) => seq)),
      [3 * start - 2, 3 * start - 1, 3 * start],
    );
    const middle = await openStream(server.endpoint, cursor(server, 3 * start - 1));
    assert.equal((await readUntil(middle, 3 * start))[0]!.batch.prev, 3 * start - 1);
    reader.close();
    middle.close();
  }
});

test("a cursor of another incarnation, ahead of the log, or too old leads to a reset, and the stream ends", async (t) => {
  let now = 1000;
  const server = await serveRevocations(t, { clock: wallClock(() => now) });
  await append(server, 5);
  now += 200;
  await append(server, 5);
  now += 111;
  assert.equal(await pruneExpired({ storage: server.storage, time: pruneTimeAt(now), rowsAStep: 2 }), 5);
  const { incarnation } = server.storage.log;
  for (const [at, reason] of [
    ["another:3", "other_incarnation"],
    [cursor(server, 11), "ahead_of_head"],
    [cursor(server, 4), "too_old"],
  ] as const) {
    assert.deepEqual(await firstReset(await openStream(server.endpoint, at)), { incarnation, reason });
  }
  const reader = await openStream(server.endpoint, cursor(server, 5));
  assert.equal((await readUntil(reader, 10))[0]!.batch.prev, 5);
  reader.close();
});

test("a verifier that has heard of a new incarnation before its server's streams have is served at once", async (t) => {
  const server = await serveRevocations(t);
  const { log, write } = server.storage;
  await append(server, 5);
  const former = await openStream(server.endpoint, cursor(server, 5));
  await write(({ db }) => db.updateTable("revocation_state").set({ incarnation: "another" }).execute());
  await log.reload();
  const reader = await openStream(server.endpoint, cursor(server, 2));
  const batches = await readUntil(reader, 5);
  assert.deepEqual(
    batches.map(({ batch }) => [batch.incarnation, batch.prev, batch.to]),
    [["another", 2, 5]],
  );
  assert.equal((await firstReset(former))?.reason, "other_incarnation");
  reader.close();
});

test("a stream without a cursor is refused: it would miss what is live before it", async (t) => {
  const server = await serveRevocations(t);
  for (const bad of [undefined, "", "7", "x:y"]) {
    const reader = await openStream(server.endpoint, bad);
    assert.equal(reader.status, 400);
    reader.close();
  }
});

test("a verifier hears a heartbeat while nothing happens", async (t) => {
  const server = await serveRevocations(t);
  const reader = await openStream(server.endpoint, cursor(server, 0));
  const comments: string[] = [];
  for await (const event of reader.events) {
    if (event.type === "comment") comments.push(event.text);
    if (comments.length === 2) break;
  }
  assert.deepEqual(comments, ["open", "heartbeat"]);
  reader.close();
});

test("a verifier that does not read is cut and counted, and another one misses nothing", async (t) => {
  const server = await serveRevocations(t, { limits: { writableLimitBytes: 512 * 1024 } });
  const slow = await followWithoutReading(server);
  const reader = await openStream(server.endpoint, cursor(server, 0));
  let seqs = 0;
  const reading = (async () => {
    for await (const event of reader.events) if (event.type === "batch") seqs += event.records.length;
  })();
  let appended = 0;
  while (server.revocations.counters().streamsCutSlow === 0) {
    assert.ok(appended < 1_000_000, "a verifier that does not read was not cut");
    await append(server, 2000, `${appended}-`);
    appended += 2000;
    await until(() => seqs === appended);
  }
  await until(() => server.revocations.counters().openStreams === 1);
  slow.destroy();
  reader.close();
  await reading;
});

async function followWithoutReading(server: RevocationsServer): Promise<Socket> {
  const socket = connect(Number(new URL(server.endpoint).port), "127.0.0.1");
  socket.on("error", () => undefined);
  const headers = `Host: x\r\nAuthorization: ${bearer("gateway")}\r\nLast-Event-ID: ${cursor(server, 0)}`;
  socket.write(`GET /revocations/stream HTTP/1.1\r\n${headers}\r\n\r\n`);
  await new Promise((resolve) => socket.once("data", resolve));
  return socket.pause();
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}

test("a stream does not outlive the token that opened it, nor its revocation", async (t) => {
  let now = 1000;
  const server = await serveRevocations(t, { clock: wallClock(() => now) });
  const expiring = await openStream(server.endpoint, cursor(server, 0), "gateway");
  now += TOKEN_SECONDS;
  const revoked = await openStream(server.endpoint, cursor(server, 0), "orders");
  const other = await openStream(server.endpoint, cursor(server, 0), "other");
  await server.revoke({ scope: "client", key: "orders", reason: "client_disabled" });
  await firstReset(expiring);
  await firstReset(revoked);
  assert.equal(server.revocations.counters().openStreams, 1);
  other.close();
});

test("a client may open a bounded number of streams", async (t) => {
  const server = await serveRevocations(t, { limits: { streamsPerClient: 1 } });
  const first = await openStream(server.endpoint, cursor(server, 0));
  const second = await openStream(server.endpoint, cursor(server, 0));
  assert.deepEqual([first.status, second.status], [200, 429]);
  first.close();
  second.close();
});

test("a server that stops ends all streams, and those that still come in", async (t) => {
  const server = await serveRevocations(t);
  const before = await openStream(server.endpoint, cursor(server, 0));
  await server.revocations.close();
  assert.equal(await firstReset(before), undefined);
  await assert.rejects(openStream(server.endpoint, cursor(server, 0)), { code: "ECONNRESET" });
});

test("a verifier whose right is over is ended, and cut if it does not take its end", async (t) => {
  const server = await serveRevocations(t);
  const { log } = server.storage;
  const hub = new FeedHub({ log, clock: { monotonicMs: () => 0 }, setTimer: systemTimer });
  const calls: string[] = [];
  const stalled = {
    isOpen: true,
    end() {
      calls.push("end");
      this.isOpen = false;
    },
    destroy: () => calls.push("destroy"),
    onClose: () => undefined,
  };
  await hub.follow(stalled as never, { incarnation: log.incarnation, seq: 0 }, () => false);
  hub.beat();
  hub.beat();
  assert.deepEqual(calls, ["end", "destroy"]);
  hub.close();
});
