import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createKeySpace } from "@portcullis/revocation";
import { IndexDescriber } from "../../src/threads/index-describer.ts";
import { SharedIndex } from "../../src/threads/shared-index.ts";
import { settled } from "../fake-time.ts";
import { LIFETIME_SECONDS, SKEW_SECONDS, START_SECONDS } from "../memory-log.ts";
import { sharedIndex } from "./shared-index-fixture.ts";
import { sessionToken } from "./tokens.ts";

test("the memory of a generation that went is given back on both sides", async () => {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  const { index, apply, clock } = sharedIndex();
  const describer = new IndexDescriber(index, new Uint8Array(32));
  const reader = new SharedIndex(describer.origin);
  apply(1);
  const words = wordsOfMembers(describer, reader);
  clock.seconds += 10 * (LIFETIME_SECONDS + SKEW_SECONDS);
  index.expire();
  reader.follow(describer.changes()!);
  await settled();
  collect();
  assert.deepEqual(
    words.map((held) => held.deref()),
    words.map(() => undefined),
  );
});

test("a seq whose upper half changes is never seen half written", () => {
  const { index } = sharedIndex();
  const describer = new IndexDescriber(index, new Uint8Array(32));
  const reader = new SharedIndex(describer.origin);
  const key = new Uint8Array(16).fill(5);
  const keys = createKeySpace(new Uint8Array(32));
  const ban = (seq: number) =>
    index.apply({
      seq,
      scope: "subject",
      mode: "kill",
      reason: "banned",
      key: keys.keyOf("subject", "ann"),
      revokedAt: START_SECONDS,
      expiresAt: START_SECONDS + 630,
    });
  const old = 2 ** 32 - 1;
  ban(old);
  reader.follow(describer.changes()!);
  ban(2 ** 32 + key[0]!);
  const outcomeAt = (rv: number) => {
    const { claims, header } = sessionToken(1);
    return reader.verdict(keys.coordinatesOf({ ...claims, sub: "ann", rv }, header)).outcome;
  };
  // The old slot stays as it was until the reader is told of the new one.
  assert.deepEqual([outcomeAt(old - 1), outcomeAt(old)], ["killed", "allow"]);
  reader.follow(describer.changes()!);
  assert.deepEqual([outcomeAt(2 ** 32 + 4), outcomeAt(2 ** 32 + 5)], ["killed", "allow"]);
});

function wordsOfMembers(describer: IndexDescriber, reader: SharedIndex): WeakRef<Int32Array>[] {
  const image = describer.changes()!;
  reader.follow(image);
  const tables = image.members.map(({ id }) => image.tables.get(id)!);
  return tables.flatMap(({ runs }) => runs.map(({ words }) => new WeakRef(words)));
}

test("a refused key is refused in every thread, and stays so when the generations around it go", () => {
  const { index, apply, clock } = sharedIndex();
  const keys = createKeySpace(new Uint8Array(32));
  const describer = new IndexDescriber(index, new Uint8Array(32));
  const reader = new SharedIndex(describer.origin);
  apply(1);
  index.apply({
    seq: 2,
    scope: "key",
    mode: "kill",
    reason: "key_retired",
    key: keys.keyOf("key", "stolen"),
    revokedAt: START_SECONDS,
    expiresAt: START_SECONDS + 630,
  });
  const outcome = () => reader.verdict(keys.coordinatesOf(sessionToken(7).claims, { kid: "stolen" })).outcome;
  reader.follow(describer.changes()!);
  assert.equal(outcome(), "killed");
  clock.seconds += 10 * (LIFETIME_SECONDS + SKEW_SECONDS);
  index.expire();
  reader.follow(describer.changes()!);
  assert.equal(outcome(), "killed");
});
