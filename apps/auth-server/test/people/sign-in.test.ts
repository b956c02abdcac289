import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { createGuessLimit, type GuessLimit } from "../../src/people/guess-limit.ts";
import { checksAtOnce, createSignIn, type SignIn } from "../../src/people/sign-in.ts";
import { ALICE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

let server: ServerUnderTest;
let guesses: GuessLimit;
let signIn: SignIn;
let now = 1_800_000_000_000;

before(async () => {
  server = await startServer();
  const { storage, people } = server.server;
  guesses = createGuessLimit(storage, () => now);
  signIn = await createSignIn({ users: people.users, guesses, randomBytes });
});
after(() => server.stop());

const attempt = (more: Partial<Parameters<SignIn>[0]> = {}) =>
  signIn({ ...ALICE, address: "192.0.2.1", ...more });
const outcomes = async (count: number, more: Partial<Parameters<SignIn>[0]>) => {
  const results: string[] = [];
  for (let at = 0; at < count; at++) results.push((await attempt(more)).outcome);
  return results;
};

describe("signing in", () => {
  it("finds the user under every spelling of the name", async () => {
    for (const username of ["alice", "ALICE", " Alice ", "ａｌｉｃｅ"]) {
      assert.equal((await attempt({ username })).outcome, "signed_in", username);
    }
  });

  it("refuses empty, endless and strange input like a wrong password", async () => {
    const inputs = [
      { password: "" },
      { password: "x".repeat(1025) },
      { username: "" },
      { username: "al\u0000ice" },
      { username: "nobody" },
    ];
    for (const more of inputs)
      assert.equal((await attempt({ ...more, address: "192.0.2.9" })).outcome, "refused");
  });
});

describe("guessing", () => {
  it("has to wait after five failures, longer each time, and never longer than a minute", async () => {
    const more = { password: "wrong", address: "192.0.2.2" };
    assert.deepEqual(await outcomes(6, more), Array(6).fill("refused"));
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      const result = await attempt(more);
      assert.equal(result.outcome, "wait");
      waits.push(result.outcome === "wait" ? result.waitMs : 0);
      now += waits.at(-1)!;
      assert.equal((await attempt(more)).outcome, "refused");
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000]);
    now += 60_000;
    assert.equal(
      (await attempt({ address: "192.0.2.2" })).outcome,
      "signed_in",
      "nobody is locked out for good",
    );
  });

  it("is counted under every spelling of the name", async () => {
    const spellings = ["alice", "ALICE", "Alice", "aLice", "ａlice", "alice "];
    for (const username of spellings) await attempt({ username, password: "wrong", address: "192.0.2.3" });
    assert.equal((await attempt({ address: "192.0.2.3" })).outcome, "wait");
    assert.equal(
      (await attempt({ address: "192.0.2.4" })).outcome,
      "signed_in",
      "elsewhere the user gets in",
    );
  });

  it("in parallel is counted before any password is looked at", async () => {
    const guess = () => attempt({ password: "wrong", address: "192.0.2.5" });
    const results = await Promise.all(Array.from({ length: 30 }, guess));
    assert.equal(results.filter(({ outcome }) => outcome === "refused").length, 6);
  });

  it("during a block neither counts nor lengthens it", async () => {
    const more = { password: "wrong", address: "192.0.2.6" };
    await outcomes(6, more);
    await outcomes(40, more);
    now += 1000;
    assert.equal((await attempt({ address: "192.0.2.6" })).outcome, "signed_in");
  });

  it("from many addresses slows down for the account as a whole", async () => {
    for (let at = 0; at <= 50; at++) {
      await guesses.take({ usernameKey: "bob", address: `198.51.100.${at}` });
    }
    const waitMs = await guesses.take({ usernameKey: "bob", address: "203.0.113.1" });
    assert.ok(waitMs !== undefined && waitMs > 0 && waitMs <= 5000, String(waitMs));
  });
});

describe("a success", () => {
  it("takes nothing from what others have guessed at the account", async () => {
    const at = (address: string) => ({ usernameKey: "carol", address });
    for (let guess = 0; guess <= 50; guess++) await guesses.take(at(`198.51.100.${guess}`));
    now += 5000;
    assert.equal(await guesses.take(at("203.0.113.1")), undefined);
    await guesses.succeeded(at("203.0.113.1"));
    assert.equal(await guesses.take(at("203.0.113.2")), undefined, "the user is not made to wait for it");
    assert.ok((await guesses.take(at("203.0.113.3")))! > 0);
  });
});

describe("many sign-ins at once", () => {
  it("leave half of the thread pool, where tokens are signed, and one core", () => {
    assert.deepEqual([1, 2, 3, 4, 64].map(checksAtOnce), [1, 1, 2, 2, 2]);
  });

  it("are refused as busy beyond what may wait", async () => {
    const { users } = server.server.people;
    const busy = await createSignIn({ users, guesses, randomBytes, running: 1, waiting: 2 });
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, (_, at) => busy({ ...ALICE, username: `user${at}`, address: "192.0.2.7" })),
    );
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 17);
    for (const { reason } of refused) assert.equal(reason.code, "sign_in_busy");
  });
});
