import assert from "node:assert/strict";
import test from "node:test";
import type { Reset, RevocationEntry } from "@portcullis/protocol";
import type { FeedCursor, FeedEvent } from "@portcullis/revocation";
import { followLog } from "../src/api/follow-log.ts";
import type { RevocationsApi } from "../src/api/revocations-api.ts";
import { cliError } from "../src/errors.ts";

interface LogState {
  incarnation: string;
  head: number;
  oldestKept: number;
}

/** A server whose streams are scripted: each call of `stream` takes the next script. */
function fakeApi(state: LogState, scripts: ((cursor: FeedCursor) => AsyncIterable<FeedEvent>)[]) {
  const cursors: string[] = [];
  const api = {
    batches: async () => state,
    list: async ({ before, limit }: { before: number; limit: number }) => ({
      head: state.head,
      revocations: Array.from({ length: limit }, (_, at) => ({ seq: before - 1 - at })) as RevocationEntry[],
      ...(before - limit > state.oldestKept ? { next: before - limit } : {}),
    }),
    feed: () => ({
      stream: (cursor: FeedCursor) => {
        cursors.push(`${cursor.incarnation}:${cursor.seq}`);
        return scripts.shift()!(cursor);
      },
    }),
  };
  return { api: api as unknown as RevocationsApi, cursors };
}

const batch = (cursor: FeedCursor, to: number): FeedEvent => ({
  type: "batch",
  batch: { ...cursor, prev: cursor.seq, from: cursor.seq + 1, to, records: new Uint8Array(), chain: "" },
});

async function follow(state: LogState, scripts: Parameters<typeof fakeApi>[1], from?: number) {
  const stop = new AbortController();
  const told: number[] = [];
  const notices: string[] = [];
  const last = async function* (): AsyncGenerator<FeedEvent> {
    stop.abort();
    yield* [];
  };
  const { api, cursors } = fakeApi(state, [...scripts, last]);
  await followLog({
    api,
    io: { delay: () => Promise.resolve(), signal: stop.signal },
    from,
    onRevocation: ({ seq }) => told.push(seq),
    onNotice: (text) => notices.push(text),
  });
  return { told, notices, cursors };
}

async function* resetWith(reason: Reset["reason"], change: () => void): AsyncGenerator<FeedEvent> {
  change();
  yield { type: "reset", reset: { incarnation: "b", reason } };
}

test("what is announced is looked up over several pages, and told in order", async () => {
  const { told, cursors } = await follow(
    { incarnation: "a", head: 5, oldestKept: 1 },
    [
      async function* (cursor) {
        yield batch(cursor, 1204);
      },
    ],
    4,
  );
  assert.deepEqual(
    told,
    Array.from({ length: 1201 }, (_, at) => at + 4),
  );
  assert.deepEqual(cursors, ["a:3", "a:1204"]);
});

test("a reset is explained, and following goes on from where it can", async () => {
  const state = { incarnation: "a", head: 50, oldestKept: 1 };
  const { notices, cursors } = await follow(state, [
    () => resetWith("too_old", () => Object.assign(state, { head: 90, oldestKept: 71 })),
    () => resetWith("other_incarnation", () => Object.assign(state, { incarnation: "b" })),
    () => resetWith("ahead_of_head", () => Object.assign(state, { head: 60, oldestKept: 1 })),
  ]);
  assert.deepEqual(cursors, ["a:50", "a:70", "b:70", "b:60"]);
  assert.match(notices[0]!, /Seq 51 to 70 have expired/);
  assert.match(notices[1]!, /another incarnation/);
  assert.match(notices[2]!, /rolled back from seq 70 to 60/);
});

test("what no waiting mends ends it", async () => {
  const refused = () => {
    throw cliError("insufficient_scope");
  };
  const following = follow({ incarnation: "a", head: 0, oldestKept: 1 }, [refused]);
  await assert.rejects(following, { code: "insufficient_scope" });
});
