import assert from "node:assert/strict";
import { describe, it, type TestContext } from "node:test";
import { hasCode } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { pruneExpired } from "../../src/revocations/retention/prune.ts";
import { liveRecords } from "../../src/storage/log/live-records.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import type { PruneTime } from "../../src/storage/pruning.ts";
import type { Storage } from "../../src/storage/storage.ts";
import {
  CLOCK_SKEW_SECONDS,
  draft,
  oneTo,
  storageOptions,
  storedSeqs,
  TOKEN_LIFETIME_SECONDS,
  temporaryFile,
} from "./temporary-storage.ts";

const START = 1_700_000_000;
const HALF_AN_HOUR = 1800;
const RECORD_BYTES = 40;

/** A machine whose clock may be wrong when a server starts, and the clock of the database beside it. */
class World {
  readonly log = new RecordedLog();
  readonly #t: TestContext;
  readonly #file: string;
  #passed = 0;
  /** By which the machine's wall clock is ahead. */
  ahead = 0;
  databaseAhead = 0;

  constructor(t: TestContext) {
    this.#t = t;
    this.#file = temporaryFile(t);
  }

  pass(seconds: number): void {
    this.#passed += seconds;
  }

  get wall(): number {
    return START + this.#passed + this.ahead;
  }

  async open({ hasDatabaseClock = false, tokenLifetimeSeconds = TOKEN_LIFETIME_SECONDS } = {}) {
    const clock = { wallMs: () => this.wall * 1000, monotonicMs: () => this.#passed * 1000 };
    const storage = await openStorage({
      ...storageOptions(this.#file, clock),
      tokenLifetimeSeconds,
      databaseClock: hasDatabaseClock
        ? async () => (START + this.#passed + this.databaseAhead) * 1000
        : undefined,
      operatorLog: this.log,
    });
    this.#t.after(() => storage.close().catch(() => undefined));
    return storage;
  }

  /** Stops the server, and starts it again when so much time has passed. */
  async reopen(storage: Storage): Promise<Storage> {
    await storage.close();
    return this.open();
  }
}

const revoke = (storage: Storage, count: number) =>
  storage.write(({ append }) => append(oneTo(count).map((index) => draft(`user-${index}`))));

const prune = (storage: Storage) =>
  storage.pruning.run("log", async (time) => ({ revocations: await pruneExpired({ storage, time }) }));

async function inSnapshots({ log, read }: Storage): Promise<number> {
  let bytes = 0;
  for await (const slice of liveRecords({ log, dialect: "sqlite", read, upTo: log.head() }))
    bytes += slice.length;
  return bytes / RECORD_BYTES;
}

describe("a server that starts with a clock half an hour ahead", () => {
  it("deletes no live revocation, leaves none out of a snapshot, and says how much time nobody saw pass", async (t) => {
    const world = new World(t);
    const before = await world.open();
    await revoke(before, 2000);
    world.ahead = HALF_AN_HOUR;
    const storage = await world.reopen(before);
    world.pass(30);
    assert.deepEqual(await prune(storage), { revocations: 0 });
    assert.equal((await storedSeqs(storage)).length, 2000);
    assert.equal(await inSnapshots(storage), 2000);
    const { seconds } = world.log.named("time_passed_unseen")[0]!;
    assert.equal(seconds, HALF_AN_HOUR);
  });

  it("keeps half of what was live at least, until it has run for as long as it cannot explain", async (t) => {
    const world = new World(t);
    const before = await world.open();
    await revoke(before, 2000);
    world.ahead = HALF_AN_HOUR;
    const storage = await world.reopen(before);
    world.pass(170);
    await prune(storage);
    assert.equal(
      (await storedSeqs(storage)).length,
      1000,
      "340 s on, all have expired by the time of deleting",
    );
    await prune(storage);
    assert.equal((await storedSeqs(storage)).length, 1000);
    assert.equal(storage.pruning.refused, 2);
    const [refused, ...more] = world.log.named("prune_refused");
    assert.deepEqual([refused!.why, refused!.kept, more], ["time_unexplained", 1000, []]);
    world.pass(HALF_AN_HOUR - 170);
    assert.deepEqual(await prune(storage), { revocations: 1000 });
    assert.equal(world.log.named("prune_goes_on").length, 1);
    assert.equal(storage.pruning.removed.get("revocations"), 2000);
  });

  it("does not take tokens of a longer life, which are alive, for the past", async (t) => {
    const world = new World(t);
    await (await world.open({ tokenLifetimeSeconds: 3600 })).close();
    const shortened = await world.open();
    world.ahead = 2 * 3600;
    const storage = await world.reopen(shortened);
    assert.equal(storage.log.tokenLifetimeSeconds, 3600);
  });
});

describe("a server that was away for a while", () => {
  it("deletes what ended meanwhile, a little at a time", async (t) => {
    const world = new World(t);
    const before = await world.open();
    for (let minute = 0; minute < 10; minute++) {
      await revoke(before, 1);
      world.pass(60);
    }
    await prune(before);
    world.pass(3600);
    const storage = await world.reopen(before);
    const left: number[] = [];
    for (let minutes = 0; minutes < 5; minutes++) {
      world.pass(60);
      await prune(storage);
      left.push((await storedSeqs(storage)).length);
    }
    assert.deepEqual(
      left,
      [...left].sort((one, other) => other - one),
      "never more",
    );
    assert.equal(left.at(-1), 0);
    assert.ok(left[0]! > 0, String(left));
  });
});

describe("a server whose clock is wrong does not start", () => {
  const refused = (says: RegExp) => (error: unknown) =>
    hasCode(error, "clock_wrong") && says.test((error as Error).message);

  for (const [ahead, says] of [
    [HALF_AN_HOUR, /1800 s ahead of the database's.*NTP/],
    [-HALF_AN_HOUR, /1800 s behind the database's.*NTP/],
  ] as const) {
    it(`when it differs from the database's by ${ahead} s, and has changed nothing`, async (t) => {
      const world = new World(t);
      await (await world.open({ hasDatabaseClock: true, tokenLifetimeSeconds: 600 })).close();
      world.ahead = ahead;
      await assert.rejects(world.open({ hasDatabaseClock: true }), refused(says));
      world.ahead = 0;
      const storage = await world.open({ hasDatabaseClock: true, tokenLifetimeSeconds: 600 });
      const rows = await storage.read.selectFrom("token_lifetimes").selectAll().execute();
      assert.deepEqual(
        rows.map(({ seconds, until }) => [seconds, until]),
        [[600, null]],
      );
    });
  }

  it("when it is before the time that the database has seen", async (t) => {
    const world = new World(t);
    const storage = await world.open();
    world.pass(3600);
    await prune(storage);
    await storage.close();
    world.ahead = -3600;
    await assert.rejects(world.open(), refused(/3600 s behind the time.*prune_clock/));
    world.ahead = -CLOCK_SKEW_SECONDS;
    await (await world.open()).close();
  });
});

describe("a round of deleting", () => {
  it("is refused while the clocks differ, said once, counted, and goes on when they agree", async (t) => {
    const world = new World(t);
    const storage = await world.open({ hasDatabaseClock: true });
    await revoke(storage, 1);
    world.pass(1000);
    world.databaseAhead = HALF_AN_HOUR;
    assert.deepEqual([await prune(storage), await prune(storage)], [{}, {}]);
    assert.equal((await storedSeqs(storage)).length, 1);
    assert.equal(storage.pruning.refused, 2);
    assert.equal(world.log.named("prune_refused").length, 1);
    world.databaseAhead = 0;
    assert.deepEqual(await prune(storage), { revocations: 1 });
    assert.equal(world.log.named("prune_goes_on")[0]!.kind, "log");
    assert.deepEqual(world.log.named("pruned")[0]!.removed, { revocations: 1 });
  });

  it("goes by the slower of two clocks, and for all servers by one that is a skew behind it", async (t) => {
    const world = new World(t);
    const storage = await world.open();
    const timeNow = async (): Promise<PruneTime> => {
      let given: PruneTime | undefined;
      await storage.pruning.run("log", async (time) => {
        given = time;
        return {};
      });
      return given!;
    };
    assert.equal((await timeNow()).seconds, START);
    assert.equal((await timeNow()).overForAllMs, (START - CLOCK_SKEW_SECONDS) * 1000);
    world.ahead = 3600;
    assert.equal((await timeNow()).seconds, START, "set forward");
    world.ahead = -3600;
    assert.equal((await timeNow()).seconds, START - 3600, "set back");
  });
});
