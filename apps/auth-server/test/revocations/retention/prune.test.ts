import assert from "node:assert/strict";
import test from "node:test";
import { pruneExpired } from "../../../src/revocations/retention/prune.ts";
import { openStorage } from "../../../src/storage/open-storage.ts";
import { wallClock } from "../../clocks.ts";
import {
  draft,
  oneTo,
  pruneTimeAt,
  storageOptions,
  storedSeqs,
  temporaryFile,
} from "../../storage/temporary-storage.ts";

test("expired rows go from the old end only, so that what is kept has no gaps", async (t) => {
  let now = 1000;
  const nowSeconds = () => now;
  const file = temporaryFile(t);
  const storage = await openStorage(storageOptions(file, wallClock(nowSeconds)));
  const short = draft("jti", { scope: "token", tokenExpiresAt: 1010 });
  await storage.write((transaction) => transaction.append([short, draft("alice"), short, draft("bob")]));
  assert.equal(await pruneExpired({ storage, time: pruneTimeAt(now) }), 0);
  now = 1020;
  assert.equal(
    await pruneExpired({ storage, time: pruneTimeAt(now) }),
    0,
    "1020 is the last second of the first row",
  );
  now = 1021;
  assert.equal(await pruneExpired({ storage, time: pruneTimeAt(now) }), 1);
  assert.deepEqual(await storedSeqs(storage), [2, 3, 4], "the second row is live, so the third stays");
  assert.equal(storage.log.oldestKept(), 2);
  now = 1311;
  assert.equal(await pruneExpired({ storage, time: pruneTimeAt(now) }), 3);
  assert.equal(storage.log.oldestKept(), 5);
  await storage.close();

  const again = await openStorage(storageOptions(file, wallClock(nowSeconds)));
  t.after(() => again.close());
  assert.deepEqual([again.log.head(), again.log.oldestKept()], [4, 5], "seqs are never given twice");
});

test("many expired rows go in small steps", async (t) => {
  let now = 1000;
  const nowSeconds = () => now;
  const storage = await openStorage(storageOptions(temporaryFile(t), wallClock(nowSeconds)));
  t.after(() => storage.close());
  await storage.write((transaction) => transaction.append(oneTo(2500).map((index) => draft(String(index)))));
  now = 2000;
  const before = storage.counters.units;
  assert.equal(await pruneExpired({ storage, time: pruneTimeAt(now) }), 2500);
  assert.equal(storage.counters.units - before, 3);
});
