import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { Bans } from "../../src/bans/bans.ts";
import { KnownPlaces } from "../../src/people/known-places.ts";
import { createGuessLimit, type GuessLimit } from "../../src/sign-in/guess-limit.ts";
import { checksAtOnce } from "../../src/sign-in/password-turns.ts";
import {
  createSignIn,
  runSignIn,
  type SignIn,
  type SignInOptions,
  signInSteps,
} from "../../src/sign-in/sign-in-machine.ts";
import { wallClock } from "../clocks.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { makeUser } from "../people/make-user.ts";
import { pruneTimeAt } from "../storage/temporary-storage.ts";

let server: ServerUnderTest;
let guesses: GuessLimit;
let parts: SignInOptions;
let signIn: SignIn;
let now = 1_800_000_000_000;

before(async () => {
  server = await startServer();
  const { storage, people } = server.server;
  const clock = wallClock(() => now / 1000);
  guesses = createGuessLimit({ storage, clock, clockSkewMs: 5000 });
  const knownPlaces = new KnownPlaces({ storage, clock });
  const { users } = people;
  const bans = new Bans({ storage, clock, randomBytes });
  parts = {
    storage,
    users,
    bans,
    guesses,
    knownPlaces,
    clock,
    randomBytes,
    roomFor: async () => ({ excess: 0, isAsked: false, sessions: [] }),
  };
  signIn = await createSignIn(parts);
});
after(() => server.stop());

const STRANGER = { kind: "stranger" } as const;

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

  it("asks for what was not given, which is no guess", async () => {
    for (const [given, fields] of [
      [{ username: "", password: "" }, ["username", "password"]],
      [{ password: "" }, ["password"]],
      [{ username: undefined }, ["username"]],
    ] as const) {
      assert.deepEqual(await attempt({ ...given, address: "192.0.2.9" }), { outcome: "ask", fields });
    }
  });

  it("refuses endless and strange input like a wrong password", async () => {
    const inputs = [{ password: "x".repeat(1025) }, { username: "al\u0000ice" }, { username: "nobody" }];
    for (const more of inputs)
      assert.equal((await attempt({ ...more, address: "192.0.2.9" })).outcome, "refused");
  });

  it("says by which factors somebody signed in, from those that were passed", async () => {
    const answer = await attempt();
    assert.equal(answer.outcome, "signed_in");
    const { user, amr } = answer.outcome === "signed_in" ? answer.signedIn : assert.fail();
    assert.deepEqual({ username: user.username, amr }, { username: "alice", amr: ["pwd"] });
  });

  it("asks who it is before it looks at a factor, and remembers nothing before all was passed", async () => {
    const names = signInSteps(parts, { id: "", password_hash: "" }).map(([name]) => name);
    assert.deepEqual(names, [
      "ask for what is missing",
      "identify: which account, and from where",
      "wait where somebody guesses",
      "first factor: the password",
      "refuse whoever may not sign in",
      "required action: change the password",
      "required action: choose sessions to end, or be refused one more",
      "remember this device and address",
    ]);
  });
});

describe("a table of steps without a factor", () => {
  it("signs nobody in", async () => {
    const steps = signInSteps(parts, { id: "", password_hash: "" }).filter(([name]) => !/factor/.test(name));
    const given = { ...ALICE, address: "192.0.2.9" };
    await assert.rejects(runSignIn(steps, given), /without a factor that was passed/);
  });
});

describe("a user who is disabled while signing in", () => {
  it("is refused at the end too, and no place is remembered", async () => {
    const { storage, users } = parts;
    const alice = (await users.findByName("alice"))!;
    const steps = signInSteps(parts, { id: "", password_hash: "" });
    let disabling: Promise<void> | undefined;
    const disables: (typeof steps)[number] = [
      "somebody disables the user, and has not committed when the next step begins",
      async () => {
        const begun = Promise.withResolvers<void>();
        disabling = storage.write(async (transaction) => {
          await users.disable(transaction, alice.id);
          begun.resolve();
        });
        await begun.promise;
        return undefined;
      },
    ];
    const beforeRemember = steps.findIndex(([what]) => what.startsWith("remember"));
    const racing = steps.toSpliced(beforeRemember, 0, disables);
    const answer = await runSignIn(racing, { ...ALICE, address: "192.0.2.70" });
    await disabling;
    await storage.write((transaction) => users.enable(transaction, alice.id));
    assert.deepEqual(answer, { outcome: "refused" });
    const places = storage.read.selectFrom("known_places").selectAll().where("user_id", "=", alice.id);
    assert.deepEqual(await places.execute(), []);
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

  it("by two names of one user at once is counted together, and nobody waits for what was guessed by the other name", async () => {
    for (const standing of [STRANGER, { kind: "device", token: "two names" }] as const) {
      const by = { address: "192.0.2.7", alsoNamed: "sub of two names", standing };
      const taken = await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          guesses.take({ ...by, usernameKey: at % 2 === 0 ? "one name" : "another name" }),
        ),
      );
      assert.equal(taken.filter((result) => result === undefined).length, 6);
      assert.equal(taken.filter((result) => result === "not_right").length, 6);
    }
  });

  it("during a block neither counts nor lengthens it", async () => {
    const more = { password: "wrong", address: "192.0.2.6" };
    await outcomes(6, more);
    await outcomes(40, more);
    now += 1000;
    assert.equal((await attempt({ address: "192.0.2.6" })).outcome, "signed_in");
  });

  it("by strangers from many addresses is done one at a time, in turns, and never longer waited for than a minute", async () => {
    const at = (address: string) => ({ usernameKey: "bob", address, standing: STRANGER });
    for (let guess = 0; guess < 50; guess++) {
      assert.equal(await guesses.take(at(`198.51.100.${guess}`)), undefined);
    }
    assert.equal(await guesses.take(at("203.0.113.0")), undefined);
    const waits: unknown[] = [];
    for (let guess = 1; guess < 40; guess++) waits.push(await guesses.take(at(`203.0.113.${guess}`)));
    assert.deepEqual(waits.slice(0, 3), [2000, 4000, 6000]);
    assert.deepEqual(waits.slice(-3), [60_000, 60_000, 60_000]);
    assert.equal(await guesses.take(at("203.0.113.2")), 4000, "asking again gains no other turn");
    now += 4000;
    assert.equal(await guesses.take(at("203.0.113.2")), undefined, "the turn was kept");
    const again = await guesses.take(at("203.0.113.2"));
    assert.ok(Number(again) > 50_000, `one turn is one guess: ${again}`);
  });

  it("from an address that the user came from does not wait for strangers", async () => {
    const from = (address: string) => ({ usernameKey: "bert", address, standing: STRANGER });
    for (let guess = 0; guess < 51; guess++) await guesses.take(from(`198.51.100.${guess}`));
    assert.ok(Number(await guesses.take(from("203.0.113.1"))) > 0);
    const known = { usernameKey: "bert", address: "203.0.113.2", standing: { kind: "address" } } as const;
    assert.equal(await guesses.take(known), undefined);
  });

  it("of one password for many names is limited for an address, and an office that succeeds is not", async () => {
    const spray = (names: number, prefix: string) =>
      Promise.all(
        Array.from({ length: names }, (_, at) =>
          guesses.take({ usernameKey: `${prefix}${at}`, address: "192.0.2.60", standing: STRANGER }),
        ),
      );
    const first = await spray(60, "name");
    assert.equal(first.filter((wait) => wait === undefined).length, 30);
    assert.ok(first.every((wait) => wait === undefined || (Number(wait) > 0 && Number(wait) <= 60_000)));
    now += 3 * 60_000;
    assert.equal((await spray(10, "later")).filter((wait) => wait === undefined).length, 3, "one a minute");
    const { storage } = server.server;
    for (let at = 0; at < 100; at++) {
      const attempt = { usernameKey: `clerk${at}`, address: "192.0.2.61", standing: STRANGER };
      assert.equal(await guesses.take(attempt), undefined);
      await storage.write((transaction) => guesses.succeeded(transaction, attempt));
    }
  });

  it("of a device that is known is counted by itself, and slowly, whoever has its token", async () => {
    const device = {
      usernameKey: "dora",
      address: "192.0.2.62",
      standing: { kind: "device", token: "t" },
    } as const;
    const waits: unknown[] = [];
    for (let guess = 0; guess < 8; guess++) waits.push(await guesses.take(device));
    assert.deepEqual(waits, [...Array(6).fill(undefined), 1000, 1000]);
    assert.equal(await guesses.take({ ...device, standing: STRANGER }), undefined);
  });

  it("never waits longer than a block is, when the clock was set back or another server's is slow", async () => {
    const more = { password: "wrong", address: "192.0.2.63" };
    await outcomes(6, more);
    now -= 4000;
    const behind = await attempt(more);
    assert.equal(behind.outcome === "wait" && behind.waitMs, 1000);
    now -= 60 * 60_000;
    assert.equal((await attempt({ address: "192.0.2.63" })).outcome, "signed_in");
    const strangers = { usernameKey: "eve", address: "192.0.2.64", standing: STRANGER };
    for (let guess = 0; guess < 52; guess++)
      await guesses.take({ ...strangers, address: `198.51.100.${guess}` });
    assert.ok(Number(await guesses.take(strangers)) > 0);
    now -= 60 * 60_000;
    assert.equal(await guesses.take(strangers), undefined);
    now += 2 * 60 * 60_000;
  });
});

describe("a success", () => {
  it("takes nothing from what others have guessed at the account", async () => {
    const at = (address: string) => ({ usernameKey: "carol", address, standing: STRANGER });
    for (let guess = 0; guess <= 50; guess++) await guesses.take(at(`198.51.100.${guess}`));
    now += 5000;
    assert.equal(await guesses.take(at("203.0.113.1")), undefined);
    await server.server.storage.write((transaction) => guesses.succeeded(transaction, at("203.0.113.1")));
    assert.ok(Number(await guesses.take(at("203.0.113.2"))) > 0);
  });

  it("takes back what was counted of it at the address once, however many succeed at once or again", async () => {
    for (const kind of ["address", "stranger"] as const) {
      const address = `192.0.2.${kind.length}`;
      const own = { usernameKey: `frank as ${kind}`, address, standing: { kind } };
      for (let at = 0; at < 5; at++) assert.equal(await guesses.take(own), undefined);
      const spray = (name: string) =>
        guesses.take({ usernameKey: name, address, standing: { kind: "address" } });
      for (let at = 0; at < 29; at++) assert.equal(await spray(`sprayed ${at}`), undefined);
      for (let at = 0; at < 5; at++)
        await server.server.storage.write((transaction) => guesses.succeeded(transaction, own));
      const waits: unknown[] = [];
      for (let at = 0; at < 5; at++) waits.push(await spray(`sprayed later ${at}`));
      const forgiven = waits.filter((wait) => wait === undefined).length;
      assert.equal(forgiven, kind === "stranger" ? 2 : 1, kind);
    }
  });

  it("makes the device and the address known to this user alone, until the password changes", async () => {
    const { knownPlaces, storage } = parts;
    const [alice, bob] = await Promise.all(
      [ALICE, BOB].map(async ({ username }) => {
        const { id, password_hash } = (await parts.users.findByName(username))!;
        return { id, password_hash: password_hash! };
      }),
    );
    const result = await attempt({ address: "2001:db8:5::1" });
    assert.equal(result.outcome, "signed_in");
    const deviceTokens = result.outcome === "signed_in" ? [result.signedIn.deviceToken] : [];
    const standing = async (owner: typeof alice, address: string, tokens = deviceTokens) =>
      (await knownPlaces.standingOf(owner!, { deviceTokens: tokens, address })).kind;
    const [here, elsewhere] = ["2001:db8:5::/64", "203.0.113.9"];
    assert.equal(await standing(alice, elsewhere), "device");
    assert.equal(await standing(alice, here, []), "address");
    assert.equal(await standing(alice, elsewhere, []), "stranger");
    assert.equal(await standing(bob, here), "stranger");
    assert.equal(await standing({ ...alice!, password_hash: "changed" }, here), "stranger");
    await storage.write((transaction) => parts.users.disable(transaction, alice!.id));
    await storage.write((transaction) => parts.users.enable(transaction, alice!.id));
    assert.equal(await standing(alice, here), "stranger");
    assert.equal((await attempt({ address: here, deviceTokens })).outcome, "signed_in");
    now += 181 * 24 * 60 * 60_000;
    assert.equal(await standing(alice, here), "stranger");
    await storage.write((transaction) => knownPlaces.prune(transaction, 1000, pruneTimeAt(now / 1000)));
    assert.deepEqual(await storage.read.selectFrom("known_places").select("kind").execute(), []);
  });

  it("keeps the twenty places of each kind that were used last", async () => {
    for (let at = 0; at < 25; at++) {
      now += 1000;
      assert.equal((await attempt({ address: `198.51.100.${at}` })).outcome, "signed_in");
    }
    const rows = await parts.storage.read.selectFrom("known_places").selectAll().execute();
    for (const kind of ["device", "address"]) {
      const kept = rows.filter((row) => row.kind === kind);
      assert.equal(kept.length, 20);
      assert.equal(Math.min(...kept.map((row) => row.last_used_at)), now / 1000 - 19);
    }
  });
});

describe("many sign-ins at once", () => {
  it("leave half of the thread pool, where tokens are signed, and one core", () => {
    assert.deepEqual([1, 2, 3, 4, 64].map(checksAtOnce), [1, 1, 2, 2, 2]);
  });

  it("are refused as busy beyond what may wait, which counts as no guess", async () => {
    const busy = await createSignIn({ ...parts, running: 1, waiting: 2 });
    const guess = () => busy({ ...ALICE, password: "wrong", address: "192.0.2.7" });
    const results = await Promise.allSettled(Array.from({ length: 20 }, guess));
    const refused = results.filter((result) => result.status === "rejected");
    assert.equal(refused.length, 17);
    for (const { reason } of refused) assert.equal(reason.code, "sign_in_busy");
    assert.equal((await attempt({ address: "192.0.2.7" })).outcome, "signed_in");
  });

  it("of one address do not keep another from its turn", async () => {
    const fair = await createSignIn({ ...parts, running: 1, waiting: 20, waitingPerGroup: 20 });
    const flood = Array.from({ length: 20 }, (_, at) =>
      fair({ username: `user${at}`, password: "wrong", address: "192.0.2.8" }).catch(({ code }) => code),
    );
    const order: string[] = [];
    for (const one of flood) void one.then(() => order.push("flood"));
    const owner = await fair({ ...ALICE, address: "203.0.113.8" });
    assert.equal(owner.outcome, "signed_in");
    assert.ok(order.length < 10, `${order.length} of the flood came first`);
    await Promise.all(flood);
  });

  it("of people who left are neither checked nor counted", async () => {
    const slow = await createSignIn({ ...parts, running: 1 });
    const leaving = new AbortController();
    const first = slow({ ...ALICE, address: "192.0.2.9" });
    const left = Array.from({ length: 10 }, () =>
      slow({ ...ALICE, password: "wrong", address: "192.0.2.10", signal: leaving.signal }),
    );
    leaving.abort();
    for (const one of await Promise.allSettled(left)) assert.equal(one.status, "rejected");
    assert.equal((await first).outcome, "signed_in");
    assert.equal((await attempt({ address: "192.0.2.10" })).outcome, "signed_in");
  });
});

describe("nobody", () => {
  it("is answered as a user is, at every step of the back-off", async () => {
    await makeUser(parts, { username: "frank", name: "Frank", password: "a password of frank" });
    const answers = async (username: string) => {
      const results: unknown[] = [];
      for (let guess = 0; guess < 60; guess++) {
        const address = guess < 53 ? `198.51.100.${guess}` : "203.0.113.20";
        results.push(await attempt({ username, password: "wrong", address }));
      }
      return results;
    };
    assert.deepEqual(await answers("frank"), await answers("nobody at all"));
  });
});
