import assert from "node:assert/strict";
import test, { type TestContext } from "node:test";
import { type Clock, wallSecondsOf } from "@portcullis/protocol";
import { RevocationIndex } from "@portcullis/revocation";
import { pruneExpired } from "../../../src/revocations/retention/prune.ts";
import { renewStandingRefusals } from "../../../src/revocations/retention/standing-refusals.ts";
import { openStorage } from "../../../src/storage/open-storage.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { draft, oneTo, storageOptions, storedSeqs, temporaryFile } from "../../storage/temporary-storage.ts";

const DAY = 86_400;

function clock() {
  let seconds = 1_700_000_000;
  return {
    wallMs: () => seconds * 1000,
    monotonicMs: () => seconds * 1000,
    pass(by: number) {
      seconds += by;
    },
  };
}

async function opened(
  t: TestContext,
  time: ReturnType<typeof clock>,
  file = temporaryFile(t),
): Promise<Storage> {
  const storage = await openStorage(storageOptions(file, time));
  t.after(() => storage.close().catch(() => undefined));
  return storage;
}

async function tend(storage: Storage): Promise<number> {
  const renewed = await renewStandingRefusals(storage);
  await storage.pruning.run("log", async (time) => ({ revocations: await pruneExpired({ storage, time }) }));
  return renewed;
}

const refuse = (storage: Storage, ...kids: string[]) =>
  storage.write(({ append }) =>
    append(kids.map((kid) => draft(kid, { scope: "key", reason: "key_retired" }))),
  );

/** What a verifier that starts now says of a token that was signed with the key. */
async function verdictOfNew({ log }: Storage, kid: string, clock: Clock): Promise<string> {
  const { tokenLifetimeSeconds, clockSkewSeconds } = log;
  const index = new RevocationIndex({ tokenLifetimeSeconds, clockSkewSeconds, clock });
  for await (const slice of log.liveRecords(log.head())) index.applyEncoded(slice);
  const now = wallSecondsOf(clock);
  const claims = { iss: "issuer", iat: now, exp: now + 60, rv: Number.MAX_SAFE_INTEGER };
  return index.verdict(log.keySpace.coordinatesOf(claims, { kid })).outcome;
}

test("a refused key has a live record for ever, and holds up no pruning", async (t) => {
  const time = clock();
  const storage = await opened(t, time);
  await refuse(storage, "stolen");
  for (let hour = 0; hour < 48; hour++) {
    await storage.write(({ append }) => append([draft(`user ${hour}`)]));
    time.pass(120);
    await tend(storage);
    assert.equal(await verdictOfNew(storage, "stolen", time), "killed");
  }
  const kept = await storedSeqs(storage);
  assert.ok(kept.length < 12, `${kept.length} rows are kept`);
  assert.equal(kept.length, storage.log.head() - storage.log.oldestKept() + 1, "without gaps");
});

test("a server that was off for days makes the record anew before it answers", async (t) => {
  const time = clock();
  const file = temporaryFile(t);
  const before = await opened(t, time, file);
  await refuse(before, "stolen");
  await before.close();
  time.pass(30 * DAY);
  const storage = await opened(t, time, file);
  const [record] = await storage.log.read(0, 1);
  assert.ok(record!.expiresAt < wallSecondsOf(time), "no verifier holds it any more");
  assert.equal(await tend(storage), 1);
  assert.equal(await verdictOfNew(storage, "stolen", time), "killed");
  assert.equal(await tend(storage), 0, "and once");
});

test("a key that is refused twice is renewed once, and a staleness of a key not at all", async (t) => {
  const time = clock();
  const storage = await opened(t, time);
  await refuse(storage, "stolen", "stolen");
  await refuse(storage, "stolen");
  const stale = { scope: "key", mode: "stale", reason: "claims_changed" } as const;
  await storage.write(({ append }) => append([draft("changed", stale)]));
  time.pass(400);
  assert.equal(await tend(storage), 1);
  assert.equal(await verdictOfNew(storage, "changed", time), "allow");
});

test("many refused keys are renewed in steps, with what was said of them", async (t) => {
  const time = clock();
  const storage = await opened(t, time);
  await refuse(storage, ...oneTo(1200).map((index) => `foreign ${index}`));
  time.pass(400);
  const before = storage.counters.units;
  assert.equal(await renewStandingRefusals(storage), 1200);
  assert.equal(storage.counters.units - before, 3);
  const newest = await storage.read
    .selectFrom("revocations")
    .select(["reason", "actor", "note"])
    .where("seq", "=", storage.log.head())
    .executeTakeFirstOrThrow();
  assert.deepEqual(
    { ...newest },
    {
      reason: 11,
      actor: "portcullis",
      note: "Stands since 2023-11-14T22:13:20.000Z.",
    },
  );
});
