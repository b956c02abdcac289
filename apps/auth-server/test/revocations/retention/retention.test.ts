import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { wallSecondsOf } from "@portcullis/protocol";
import { RevocationIndex } from "@portcullis/revocation";
import { pruneExpired } from "../../../src/revocations/retention/prune.ts";
import { liveRecords } from "../../../src/storage/log/live-records.ts";
import { openStorage } from "../../../src/storage/open-storage.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { draft, storageOptions, temporaryFile } from "../../storage/temporary-storage.ts";

const DAY = 86_400;

function clocks() {
  let wall = 1_000_000;
  let monotonic = 0;
  return {
    wallMs: () => wall * 1000,
    monotonicMs: () => monotonic * 1000,
    pass(seconds: number) {
      wall += seconds;
      monotonic += seconds;
    },
    set(bySeconds: number) {
      wall += bySeconds;
    },
  };
}

async function liveCount(storage: Storage): Promise<number> {
  let bytes = 0;
  const { log, read } = storage;
  for await (const slice of liveRecords({ log, dialect: "sqlite", read, upTo: log.head() }))
    bytes += slice.length;
  return bytes / 40;
}

async function opened(t: TestContext, time: ReturnType<typeof clocks>): Promise<Storage> {
  const storage = await openStorage(storageOptions(temporaryFile(t), time));
  t.after(() => storage.close());
  return storage;
}

const revoke = (storage: Storage) =>
  storage.write((transaction) => transaction.append([draft("session", { scope: "session" })]));
/** Gives how many records went. */
const prune = async (storage: Storage) =>
  (await storage.pruning.run("log", async (time) => ({ revocations: await pruneExpired({ storage, time }) })))
    .revocations;

test("a clock that is set forward loses no live revocation, neither from the log nor from snapshots", async (t) => {
  const time = clocks();
  const storage = await opened(t, time);
  await revoke(storage);
  time.set(DAY);
  assert.equal(await prune(storage), 0);
  assert.equal(await liveCount(storage), 1);
  time.set(-DAY);
  time.pass(311);
  assert.equal(await liveCount(storage), 0);
  assert.equal(await prune(storage), 1);
});

test("a revocation that was made while the clock was set back lives as long as any other", async (t) => {
  const time = clocks();
  const storage = await opened(t, time);
  time.set(-DAY);
  await revoke(storage);
  time.set(DAY);
  time.pass(300);
  assert.equal(await prune(storage), 0);
  assert.equal(await liveCount(storage), 1);
});

test("a token revoked while the clock was set forward stays revoked at a verifier whose clock was set forward too", async (t) => {
  const time = clocks();
  const storage = await opened(t, time);
  const { log } = storage;
  const exp = wallSecondsOf(time) + 200;
  const claims = { iss: "issuer", iat: wallSecondsOf(time), exp, rv: 0, jti: "AAAAAAAAAAAAAAAAAAAAAA" };
  const { tokenLifetimeSeconds, clockSkewSeconds } = log;

  const index = new RevocationIndex({ tokenLifetimeSeconds, clockSkewSeconds, clock: time });
  time.set(3600);
  const revoked = draft(claims.jti, { scope: "token", tokenExpiresAt: exp });
  await storage.write((transaction) => transaction.append([revoked]));
  for (const record of await log.read(0, 1)) index.apply(record);
  time.pass(1);
  index.expire();
  time.set(-3600);
  time.pass(198);
  assert.equal(index.verdict(log.keySpace.coordinatesOf(claims, {})).outcome, "killed");
});

test("a shorter token lifetime counts once the longer tokens have expired", async (t) => {
  const time = clocks();
  const options = storageOptions(temporaryFile(t), time);
  await (await openStorage({ ...options, tokenLifetimeSeconds: DAY })).close();

  const shortened = await openStorage(options);
  assert.equal(shortened.log.tokenLifetimeSeconds, DAY);
  await revoke(shortened);
  time.pass(DAY - 1);
  assert.equal(await prune(shortened), 0, "a token of before the change may still be alive");

  time.pass(40);
  assert.equal(await prune(shortened), 1);
  await shortened.close();
  const later = await openStorage(options);
  t.after(() => later.close());
  assert.equal(later.log.tokenLifetimeSeconds, 300);
});

test("a longer token lifetime makes verifiers take a new snapshot, and an equal one does not", async (t) => {
  const time = clocks();
  const options = storageOptions(temporaryFile(t), time);
  const incarnations: string[] = [];
  for (const tokenLifetimeSeconds of [300, 300, 600, 300, 600]) {
    const storage = await openStorage({ ...options, tokenLifetimeSeconds });
    incarnations.push(storage.log.incarnation);
    await storage.close();
  }
  const [first, same, longer, shorter, again] = incarnations;
  assert.equal(same, first);
  assert.notEqual(longer, first);
  assert.deepEqual([shorter, again], [longer, longer]);
});
