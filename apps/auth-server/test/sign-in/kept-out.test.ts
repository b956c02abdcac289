import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { ALICE, BOB, isOnPostgres, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { SIGNED_IN, startBehindProxy, Visitor, WAIT } from "./visitor.ts";

const HOME = "192.0.2.1";
/** On PostgreSQL, where each guess is a trip to the database, long enough to see the same begin. */
const SECONDS = isOnPostgres ? 24 : 136;

let server: ServerUnderTest;
before(async () => {
  server = await startBehindProxy();
});
after(() => server.stop());

let victim = ALICE.username;

async function attackFor(attackers: readonly Visitor[], seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    server.advance(1000);
    // The clock stands still meanwhile: a second guess of one attacker would find what the first found.
    for (const attacker of attackers) await attacker.guess(victim);
  }
}

const arriveFrom = (addresses: readonly string[]) =>
  Promise.all(addresses.map((address) => Visitor.arrive(server, address)));

const aDozen = (network: string) => Array.from({ length: 12 }, (_, at) => `${network}.${at + 1}`);

/** Both go on at once: the owner comes right after a second of guesses, and signs in every time. */
async function assertSignsInUnder(attackers: readonly Visitor[], owner: Visitor): Promise<void> {
  for (let second = 1; second <= SECONDS; second++) {
    await attackFor(attackers, 1);
    assert.equal((await owner.try()).status, SIGNED_IN, `after ${second} s`);
  }
}

describe("whoever guesses without a pause", () => {
  it("at the user's own address does not keep out a device that signed in before", async () => {
    const owner = await Visitor.arrive(server, HOME);
    assert.equal((await owner.try()).status, SIGNED_IN);
    const attackers = await arriveFrom([HOME]);
    await attackFor(attackers, 40);
    await assertSignsInUnder(attackers, owner);
  });

  it("from a dozen addresses does not keep out an address that the user signed in from before", async () => {
    const [before, owner] = await arriveFrom(["198.51.100.7", "198.51.100.7"]);
    assert.equal((await before!.try()).status, SIGNED_IN);
    const attackers = await arriveFrom(aDozen("203.0.113"));
    await attackFor(attackers, 40);
    await assertSignsInUnder(attackers, owner!);
  });

  it("from a dozen addresses makes a new device at a new address wait for its turn, which then is its own", async () => {
    victim = BOB.username;
    const attackers = await arriveFrom(aDozen("203.0.113"));
    await attackFor(attackers, 6);
    // Fresh addresses, all before the owner: each gets a turn, and so does the owner.
    for (const attacker of await arriveFrom(aDozen("198.18.0"))) await attacker.guess(BOB.username);
    const owner = await Visitor.arrive(server, "198.51.100.99");
    const first = await owner.try(BOB);
    assert.equal(first.status, WAIT);
    assert.ok(first.retryAfterSeconds > 20 && first.retryAfterSeconds <= 60, String(first.retryAfterSeconds));
    assert.ok(first.body.includes(`attempts to sign in. Wait ${first.retryAfterSeconds} seconds`));
    await attackFor(attackers, first.retryAfterSeconds);
    assert.equal((await owner.try(BOB)).status, SIGNED_IN);
  });
});
