import assert from "node:assert/strict";
import { test } from "node:test";
import { CHAIN_START, encodeBase64url, encodeRecords } from "@portcullis/protocol";
import type { Feed } from "@portcullis/revocation";
import { startRedis } from "@portcullis/testing/servers";
import { createClient } from "@redis/client";
import { pino } from "pino";
import { redisFeedOf } from "../src/redis/redis-feed-of.ts";

const key = new Uint8Array(16);
const times = { revokedAt: 1000, expiresAt: 2 ** 31 };

test("reads the list of revocations out of Redis, which HTTP would bring as well", async (t) => {
  const redis = await startRedis();
  t.after(() => redis.stop());
  const client = createClient({ url: redis.url });
  client.on("error", () => {});
  await client.connect();
  t.after(() => client.destroy());
  const publish = (seq: number) => {
    const record = { seq, scope: "session", mode: "kill", reason: "kicked", key, ...times } as const;
    return client.sendCommand([
      ...["XADD", "mine:feed", `${seq}-0`, "incarnation", "i", "prev", String(seq - 1)],
      ...["from", String(seq), "to", String(seq), "records", Buffer.from(encodeRecords([record]))],
      ...["chain", encodeBase64url(CHAIN_START), "head", ""],
    ]);
  };
  await publish(1);
  const silent: Feed = {
    snapshot: () => Promise.reject(new Error("not asked for")),
    lease: () => Promise.reject(new Error("not asked for")),
    async *stream(_cursor, signal) {
      yield { type: "heartbeat" };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
    },
  };
  const connection = { kind: "single", host: "127.0.0.1", port: redis.port, tls: false } as const;
  const feed = redisFeedOf({ connection, keyPrefix: "mine" }, pino({ enabled: false }))(silent);
  const reading = new AbortController();
  t.after(() => reading.abort());
  for await (const event of feed.stream({ incarnation: "i", seq: 1 }, reading.signal)) {
    if (event.type === "heartbeat") await publish(2).catch(() => {});
    if (event.type !== "batch") continue;
    assert.deepEqual([event.batch.from, event.batch.to], [2, 2]);
    break;
  }
});
