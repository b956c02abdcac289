/** Keys of calls that may be repeated, in SQL: on both drivers, with two servers, and for a day. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it, test } from "node:test";
import type { Claimed } from "@portcullis/http-api";
import type { Clock } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { type Exchange, exchange, json } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import { idempotencyKeysConformance } from "../../../../packages/http-api/test/support/idempotency-keys-conformance.ts";
import { SqlIdempotencyKeys } from "../../src/api/idempotency-keys.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { createStoredTimes } from "../../src/storage/stored-time.ts";
import { clockAt } from "../clocks.ts";
import { machineToken } from "../oidc/app.ts";
import { type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import {
  CLOCK_SKEW_SECONDS,
  pruneTimeAt,
  storageOptions,
  temporaryStorage,
} from "../storage/temporary-storage.ts";

const DAY_SECONDS = 24 * 60 * 60;
const ANSWER = { status: 200, headers: {}, body: '{"secret":"shown once"}' };
const aCall = (change: Partial<Claimed> = {}): Claimed => ({
  key: "the key",
  callerId: '["console","alice"]',
  fingerprint: Buffer.alloc(32, 1),
  ...change,
});

const seconds = { now: Date.now() / 1000 };

function keysIn(storage: Storage, more: { clock?: Clock; maxKeysPerCaller?: number } = {}) {
  const { clock = clockAt(() => seconds.now), maxKeysPerCaller } = more;
  const operatorLog = new RecordedLog();
  const keys = new SqlIdempotencyKeys({
    storage,
    clock,
    times: createStoredTimes({ clock, clockSkewSeconds: CLOCK_SKEW_SECONDS }),
    randomBytes,
    secret: "of all servers",
    operatorLog,
    ...(maxKeysPerCaller === undefined ? {} : { maxKeysPerCaller }),
  });
  return { keys, operatorLog };
}

describe("on SQLite", () => {
  let storage: Storage;
  const directory = mkdtempSync(join(tmpdir(), "portcullis-"));
  before(async () => {
    storage = await openStorage(storageOptions(join(directory, "portcullis.sqlite")));
  });
  after(async () => {
    await storage.close();
    rmSync(directory, { recursive: true });
  });
  idempotencyKeysConformance(() => keysIn(storage).keys);
});

describe("on PostgreSQL, at two servers", () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  const storages: Storage[] = [];
  before(async () => {
    postgres = await startPostgres({ fsync: false });
    const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 4 } as const;
    for (let server = 0; server < 2; server++)
      storages.push(await openStorage({ ...storageOptions(""), database }));
  });
  after(async () => {
    for (const storage of storages) await storage.close();
    await postgres.stop();
  });
  let turn = 0;
  idempotencyKeysConformance(() => {
    const servers = storages.map((storage) => keysIn(storage).keys);
    const next = () => servers[turn++ % servers.length]!;
    return {
      claim: (call) => next().claim(call),
      complete: (call, answer) => next().complete(call, answer),
      release: (call) => next().release(call),
    };
  });
});

test("an answer is repeated for a day, and then the key is free, and its row is pruned", async (t) => {
  const storage = await temporaryStorage(t);
  const { keys } = keysIn(storage);
  await keys.claim(aCall());
  await keys.complete(aCall(), ANSWER);
  seconds.now += DAY_SECONDS - 1;
  assert.deepEqual(await keys.claim(aCall()), { state: "replay", answer: ANSWER });
  assert.equal(
    await storage.write((transaction) => keys.prune(transaction, 10, pruneTimeAt(seconds.now))),
    0,
  );
  seconds.now += 2 * CLOCK_SKEW_SECONDS + 2;
  assert.equal(
    await storage.write((transaction) => keys.prune(transaction, 10, pruneTimeAt(seconds.now))),
    1,
  );
  assert.deepEqual(await keys.claim(aCall()), { state: "fresh" });
});

test("a claim whose server died is given to the next one, and not before the call must be over", async (t) => {
  const { keys } = keysIn(await temporaryStorage(t));
  await keys.claim(aCall());
  seconds.now += 119;
  assert.deepEqual(await keys.claim(aCall()), { state: "in_progress" });
  seconds.now += 2 + CLOCK_SKEW_SECONDS;
  assert.deepEqual(await keys.claim(aCall()), { state: "fresh" });
  assert.deepEqual(await keys.claim(aCall()), { state: "in_progress" });
});

test("a caller has a bounded number, and takes none from another caller", async (t) => {
  const { keys } = keysIn(await temporaryStorage(t), { maxKeysPerCaller: 2 });
  for (const key of ["one", "two"]) await keys.claim(aCall({ key }));
  await assert.rejects(keys.claim(aCall({ key: "three" })), {
    code: "too_many_idempotency_keys",
    status: 429,
  });
  assert.deepEqual(await keys.claim(aCall({ key: "one" })), { state: "in_progress" });
  assert.deepEqual(await keys.claim(aCall({ key: "three", callerId: "bob" })), { state: "fresh" });
});

test("nothing of key, body or answer can be read out of the table", async (t) => {
  const storage = await temporaryStorage(t);
  const { keys } = keysIn(storage);
  const fingerprint = createHash("sha256").update("a body with a password").digest();
  await keys.claim(aCall({ fingerprint }));
  await keys.complete(aCall(), ANSWER);
  const rows = await storage.read.selectFrom("idempotency_keys").selectAll().execute();
  const text = rows.flatMap((row) =>
    Object.values(row).map((value) => Buffer.from(String(value)).toString()),
  );
  const bytes = Buffer.concat(
    rows.flatMap((row) => [row.key_hash, row.fingerprint, row.sealed!].map(Buffer.from)),
  );
  for (const part of ["the key", "alice", "shown once"]) {
    assert.ok(!bytes.includes(part), part);
    assert.ok(!text.some((value) => value.includes(part)), part);
  }
  assert.ok(!bytes.includes(fingerprint));
});

test("what cannot be stored after the call is told to the operator, and not to the caller", async (t) => {
  const storage = await temporaryStorage(t);
  const { keys, operatorLog } = keysIn(storage);
  await keys.claim(aCall());
  const broken = keysIn({ ...storage, write: () => Promise.reject(new Error("full")) } as Storage);
  await broken.keys.complete(aCall(), ANSWER);
  await broken.keys.release(aCall());
  assert.equal(broken.operatorLog.named("idempotency_key_not_settled").length, 2);
  assert.equal(operatorLog.named("idempotency_key_not_settled").length, 0);
  assert.deepEqual(await keys.claim(aCall()), { state: "in_progress" });
});

describe("calls with the same key at two servers at once", () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  let server: ServerUnderTest;
  let other: string;
  let bearer: string;
  before(async () => {
    postgres = await startPostgres({ fsync: false });
    const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
    server = await startServer({
      change: (configuration) => {
        const { clients, issuer } = configuration;
        clients.find(({ clientId }) => clientId === "admin")!.resources[`${issuer}/api`] = [
          "keys.write",
          "users.write",
        ];
        Object.assign(configuration, { database });
      },
    });
    other = await server.startAnother();
    bearer = await machineToken(server.issuer, "admin", `${server.issuer}/api`, "keys.write users.write");
  });
  after(async () => {
    await server.stop();
    await postgres.stop();
  });

  const rotate = (at: string, key: string, path = "keys/rotate"): Promise<Exchange> =>
    exchange(`${at}/api/v1/${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${bearer}`, "idempotency-key": key },
    });

  it("are made once: all others hear its answer, or that it is being made", async () => {
    const count = async () => {
      const { count } = await server.server.storage.read
        .selectFrom("oidc_signing_keys")
        .select(({ fn }) => fn.countAll<number | string>().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    };
    for (let round = 0; round < 5; round++) {
      const before = await count();
      const key = `rotation ${round}`;
      const quoted = `"${key}"`;
      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, at) => rotate(at % 2 === 0 ? server.issuer : other, quoted)),
      );
      assert.equal(await count(), before + 1, `round ${round}`);
      const statuses = new Set(answers.map(({ status }) => status));
      assert.ok(statuses.has(200) && [...statuses].every((status) => status === 200 || status === 409));
      const bodies = new Set(answers.filter(({ status }) => status === 200).map(({ body }) => body));
      assert.equal(bodies.size, 1);
      const again = await rotate(other, quoted);
      assert.deepEqual([again.status, bodies.has(again.body)], [200, true]);
      assert.equal(again.headers["idempotent-replayed"], "true");
      assert.equal(await count(), before + 1);
    }
  });

  it("are refused when they ask for something else", async () => {
    assert.equal((await rotate(server.issuer, "mine")).status, 200);
    const answer = await rotate(other, "mine", "users/alice/enable");
    assert.deepEqual([answer.status, json(answer).code], [422, "idempotency_key_reused"]);
  });

  it("are free again when the call was refused", async () => {
    const missing = await rotate(server.issuer, "late", "users/nobody/enable");
    assert.equal(missing.status, 404);
    assert.equal((await rotate(other, "late", "users/alice/enable")).status, 200);
  });
});

test("a revocation, and a loss, are made once for a key: who has signed in since stays signed in", async (t) => {
  const server = await startServer({
    change: ({ clients, issuer }) => {
      clients.find(({ clientId }) => clientId === "admin")!.resources[`${issuer}/api`] = [
        "revocations.write",
      ];
    },
  });
  t.after(() => server.stop());
  const { log } = server.server.storage;
  for (const [path, body] of [
    ["", { scope: "subject", key: "alice", mode: "kill", reason: "kicked" }],
    ["/loss", { note: "restored", beyond: 3000 }],
  ] as const) {
    const revoke = async (idempotencyKey: string, more = {}) =>
      exchange(`${server.issuer}/revocations${path}`, {
        method: "POST",
        headers: {
          authorization: `Bearer ${await machineToken(server.issuer, "admin", `${server.issuer}/api`, "revocations.write")}`,
          "content-type": "application/json",
          "idempotency-key": idempotencyKey,
        },
        body: JSON.stringify({ ...body, ...more }),
      });
    const key = `a-call${path}`;
    const first = await revoke(key);
    assert.equal(first.status, 200, first.body);
    const head = log.head();
    const again = await revoke(key);
    assert.deepEqual([again.status, again.body], [first.status, first.body]);
    assert.equal(again.headers["idempotent-replayed"], "true");
    assert.equal(log.head(), head);
    const reused = await revoke(key, { note: "another" });
    assert.deepEqual([reused.status, json<{ error: string }>(reused).error], [422, "idempotency_key_reused"]);
    await revoke(`another-call${path}`);
    assert.ok(log.head() > head);
  }
});
