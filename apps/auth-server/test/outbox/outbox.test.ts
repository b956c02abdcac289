/** Who delivers what and when, with time that stands still and apps that do as they are told. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { LookupFunction } from "node:net";
import { type TestContext, test } from "node:test";
import { silentLog } from "@portcullis/protocol";
import { FrozenClock } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { KeyRing } from "../../src/keys/key-ring.ts";
import { createLogoutTokenSender, type Delivery, noteEndedGrants, Outbox } from "../../src/outbox/index.ts";
import { MAX_TRIES, waitAfter } from "../../src/outbox/next-try.ts";
import { recipientsOf } from "../../src/outbox/recipients.ts";
import { openOutgoing, privateTargets } from "../../src/outgoing/index.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { temporaryStorage } from "../storage/temporary-storage.ts";
import { startRelyingParty } from "./relying-party.ts";

const SKEW_SECONDS = 5;

/** What is sent, by recipient: each waits for its answer. */
class Parties {
  readonly asked: Delivery[] = [];
  readonly #answers = new Map<string, () => Promise<"delivered" | "failed"> | "delivered" | "failed">();

  answer(recipient: string, answer: () => Promise<"delivered" | "failed"> | "delivered" | "failed"): void {
    this.#answers.set(recipient, answer);
  }

  readonly send = async (delivery: Delivery) => {
    this.asked.push(delivery);
    const state = await (this.#answers.get(delivery.recipient)?.() ?? "delivered");
    return state === "failed" ? ({ state, error: "answered 500" } as const) : { state };
  };

  countOf = (recipient: string): number => this.asked.filter((one) => one.recipient === recipient).length;
}

const never = () => new Promise<never>(() => {});

function open(storage: Storage, clock: FrozenClock, parties: Parties): Outbox {
  return new Outbox({
    storage,
    send: { logout_token: parties.send },
    clock,
    setTimer: clock.setTimer,
    clockSkewSeconds: SKEW_SECONDS,
    randomBytes,
    operatorLog: silentLog,
  });
}

async function prepare(t: TestContext) {
  const clock = new FrozenClock();
  const storage = await temporaryStorage(t, clock);
  const parties = new Parties();
  return { clock, storage, parties, outbox: open(storage, clock, parties) };
}

const put = (storage: Storage, clock: FrozenClock, recipient: string, count = 1) =>
  storage.write(({ db }) =>
    db
      .insertInto("outbox")
      .values(
        Array.from({ length: count }, (_, at) => ({
          id: `${recipient}-${at}`,
          kind: "logout_token" as const,
          recipient,
          subject: "alice",
          session_uid: `session-${at}`,
          state: "pending" as const,
          attempts: 0,
          next_at: clock.wallMs(),
          created_at: clock.wallMs(),
        })),
      )
      .execute(),
  );

const rowOf = (storage: Storage, id: string) =>
  storage.read.selectFrom("outbox").selectAll().where("id", "=", id).executeTakeFirstOrThrow();

test("an app that never answers keeps nobody waiting, with however much that waits for it", async (t) => {
  const { storage, clock, parties, outbox } = await prepare(t);
  parties.answer("dead", never);
  await put(storage, clock, "dead", 500);
  await put(storage, clock, "zebra", 40);
  outbox.wake();
  await until(() => parties.countOf("zebra") === 40, { what: "all for the app that answers" });
  assert.equal(parties.countOf("dead"), 4);
});

test("an app that fails is tried one at a time, until it answers again", async (t) => {
  const { storage, clock, parties, outbox } = await prepare(t);
  parties.answer("shop", () => "failed");
  await put(storage, clock, "shop", 1);
  await outbox.deliverDue();
  const { promise: held, resolve: answer } = Promise.withResolvers<"delivered">();
  parties.answer("shop", () => held);
  await storage.write(({ db }) => db.deleteFrom("outbox").execute());
  await put(storage, clock, "shop", 10);
  outbox.wake();
  await until(() => parties.countOf("shop") === 2, { what: "one try" });
  await put(storage, clock, "zebra");
  outbox.wake();
  await until(() => parties.countOf("zebra") === 1, { what: "another look" });
  assert.equal(parties.countOf("shop"), 2);
  answer("delivered");
  await outbox.deliverDue();
  assert.equal(parties.countOf("shop"), 11);
});

test("what a killed server had begun is taken up by another once its claim has run out", async (t) => {
  const { storage, clock, parties, outbox } = await prepare(t);
  const { promise: held, resolve: answer } = Promise.withResolvers<"delivered">();
  parties.answer("shop", () => held);
  await put(storage, clock, "shop");
  outbox.wake();
  await until(() => parties.countOf("shop") === 1, { what: "the first try" });
  const others = new Parties();
  const other = open(storage, clock, others);
  clock.advance(34_000);
  await other.deliverDue();
  assert.equal(others.countOf("shop"), 0, "it may be alive, and its clock behind");
  clock.advance(2000);
  others.answer("shop", () => "failed");
  await other.deliverDue();
  assert.equal(others.countOf("shop"), 1);
  answer("delivered");
  await outbox.deliverDue();
  assert.deepEqual(
    [(await rowOf(storage, "shop-0")).state, (await rowOf(storage, "shop-0")).attempts],
    ["pending", 2],
    "whoever was late says nothing any more",
  );
});

test("what a server had begun that closes is due again at once, and the try does not count", async (t) => {
  const { storage, clock, parties } = await prepare(t);
  const closing = new Outbox({
    storage,
    send: {
      logout_token: (_delivery, signal) =>
        new Promise((_resolve, reject) => {
          parties.asked.push(_delivery);
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
    },
    clock,
    setTimer: clock.setTimer,
    clockSkewSeconds: SKEW_SECONDS,
    randomBytes,
    operatorLog: silentLog,
  });
  await put(storage, clock, "shop");
  closing.wake();
  await until(() => parties.countOf("shop") === 1, { what: "the try" });
  await closing.close();
  const { attempts, claim, next_at } = await rowOf(storage, "shop-0");
  assert.deepEqual([attempts, claim, next_at], [0, null, clock.wallMs()]);
});

test("what is dropped while it is tried stays dropped", async (t) => {
  const { storage, clock, parties, outbox } = await prepare(t);
  const { promise: held, resolve: answer } = Promise.withResolvers<"delivered">();
  parties.answer("shop", () => held);
  await put(storage, clock, "shop");
  outbox.wake();
  await until(() => parties.countOf("shop") === 1, { what: "the try" });
  await storage.write(({ db }) => db.updateTable("outbox").set({ state: "dropped", claim: null }).execute());
  answer("delivered");
  await outbox.deliverDue();
  assert.equal((await rowOf(storage, "shop-0")).state, "dropped");
  assert.equal(outbox.counters.delivered, 0);
});

test("a fault of this server is a try that failed, and says nothing of it to operators' lists", async (t) => {
  const { storage, clock, parties, outbox } = await prepare(t);
  parties.answer("shop", () => Promise.reject(new Error("secret detail")));
  await put(storage, clock, "shop");
  await outbox.deliverDue();
  const { state, last_error } = await rowOf(storage, "shop-0");
  assert.deepEqual([state, last_error], ["pending", "this server could not try it: see its log"]);
});

test("of an app that was deleted those grants are noted that end, and none that wait for their turn", async (t) => {
  const { clock, storage } = await prepare(t);
  const ids = ["ends", "waits", "waits-too"].map((id) => id.padEnd(22, "x"));
  const grants = ids.map((id) => ({
    id,
    session_uid: id,
    account_id: "alice",
    client_id: "shop",
    payload: "{}",
    created_at: 0,
  }));
  const noted = await storage.write(async (transaction) => {
    const { db } = transaction;
    const left = { client_id: "shop", name: "Shop", deleted_at: 0, deleted_by: "admin" };
    await db
      .insertInto("deleted_clients")
      .values({ ...left, backchannel_logout: "{}" })
      .execute();
    await db.insertInto("oidc_grants").values(grants).execute();
    await noteEndedGrants(transaction, [ids[0]!], { clock, seq: 7 });
    return db.selectFrom("outbox").select("id").execute();
  });
  assert.deepEqual(
    noted.map(({ id }) => id),
    [ids[0]],
  );
});

test("a receipt has the worst of what each is to be told, and waits for what was not tried or is being tried", async (t) => {
  const { storage, clock } = await prepare(t);
  await put(storage, clock, "elsewhere");
  for (const recipient of ["told", "gone", "left", "waits"]) await put(storage, clock, recipient, 2);
  const change = (id: string, to: object) =>
    storage.write(({ db }) => db.updateTable("outbox").set(to).where("id", "=", id).execute());
  await storage.write(({ db }) =>
    db
      .updateTable("outbox")
      .set({ seq: 7, state: "delivered", attempts: 1 })
      .where("recipient", "!=", "elsewhere")
      .execute(),
  );
  await change("elsewhere-0", { seq: 8 });
  await change("gone-1", { state: "dead" });
  await change("left-0", { state: "unsupported" });
  await change("waits-0", { state: "pending" });
  const seen = async () => {
    const { lines, isBeingTried } = await recipientsOf(storage.read, 7);
    return {
      ...Object.fromEntries(lines.map(({ recipient, outcome }) => [recipient, outcome])),
      isBeingTried,
    };
  };
  const expected = { told: "delivered", gone: "unavailable", left: "unsupported", waits: "pending" };
  assert.deepEqual(await seen(), { ...expected, isBeingTried: false }, "it waits for another try");
  await change("waits-0", { claim: "somebody" });
  assert.deepEqual(await seen(), { ...expected, isBeingTried: true });
  await change("waits-0", { claim: null, attempts: 0 });
  assert.deepEqual(await seen(), { ...expected, isBeingTried: true });
  const nobody = await recipientsOf(storage.read, 9);
  assert.deepEqual(nobody, { lines: [], isBeingTried: false });
});

test("tries are further and further apart, with chance, and all of them are within an hour", () => {
  const waits = Array.from({ length: MAX_TRIES - 1 }, (_, at) => waitAfter(at + 1, 0));
  assert.ok(waits.every((wait, at) => at === 0 || wait === waits[at - 1]! * 3));
  assert.ok(waits.reduce((sum, wait) => sum + wait, 0) < 60 * 60_000);
  assert.ok(waitAfter(5, 0.999) < waits[4]! * 0.76);
});

test("a name that turns to this machine once it was checked leads nowhere", async (t) => {
  const clock = new FrozenClock(Math.floor(Date.now() / 1000));
  const storage = await temporaryStorage(t, clock);
  const party = await startRelyingParty({ issuer: () => "http://127.0.0.1", clientOf: () => "shop" });
  t.after(() => party.stop());
  const { port } = new URL(party.origin);
  const lookup: LookupFunction = (_hostname, _options, callback) =>
    callback(null, [{ address: "127.0.0.1", family: 4 }]);
  const outgoing = openOutgoing({ targets: privateTargets([]), lookup });
  t.after(() => outgoing.close());
  assert.equal(outgoing.problemOf(`https://rebinding.example:${port}/logout`), undefined, "when it was set");
  await storage.write(({ db }) =>
    db
      .insertInto("oidc_clients")
      .values({
        client_id: "shop",
        name: "Shop",
        name_key: "shop",
        type: "web",
        settings: "{}",
        backchannel_logout: JSON.stringify({
          uri: `https://rebinding.example:${port}/logout`,
          algorithm: "ES256",
        }),
        disabled_at: null,
        revision: 1,
        created_at: 0,
        changed_at: 0,
      })
      .execute(),
  );
  const send = createLogoutTokenSender({
    issuer: "https://login.example",
    read: storage.read,
    ring: await KeyRing.open({ storage, clock, operatorLog: silentLog }),
    outgoing,
    clock,
    randomBytes,
    isBack: async () => false,
  });
  await put(storage, clock, "shop");
  const outcome = await send(await rowOf(storage, "shop-0"), new AbortController().signal);
  assert.equal(outcome.state, "failed");
  assert.match("error" in outcome ? outcome.error : "", /^target_refused/);
  assert.deepEqual([party.received, party.refused], [[], []]);
});
