/** What only PostgreSQL has: other servers on the same database, and a database that goes away. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import { once } from "node:events";
import type { TestContext } from "node:test";
import test, { after } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { hasCode, silentLog, systemClock } from "@portcullis/protocol";
import { startPostgres } from "@portcullis/testing/servers";
import { sql } from "kysely";
import pg from "pg";
import { Apis } from "../../src/apis/apis.ts";
import { Clients, type NewApp } from "../../src/apps/clients.ts";
import { Bans } from "../../src/bans/bans.ts";
import { KeyRing } from "../../src/keys/key-ring.ts";
import { lineageIn } from "../../src/oidc/endings/lineage.ts";
import { createEndUntrueClaims } from "../../src/oidc/endings/stale-claims.ts";
import { NOTHING } from "../../src/oidc/state/allowed.ts";
import { Consents } from "../../src/oidc/state/consents.ts";
import { type Answer, GrantStore } from "../../src/oidc/state/grant-store.ts";
import type { RowsOfStrangers } from "../../src/oidc/state/rows-of-strangers.ts";
import { SessionStore } from "../../src/oidc/state/session-store.ts";
import { fieldsOf, lockActive, passwordMarkOf, Users } from "../../src/people/users.ts";
import { loadCookieKeys } from "../../src/secrets/cookie-keys.ts";
import { Policies } from "../../src/sessions/policies.ts";
import { createGuessLimit } from "../../src/sign-in/guess-limit.ts";
import { firstLockLimitMs } from "../../src/storage/postgres/group-connection.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { createStoredTimes, wholeSeconds } from "../../src/storage/stored-time.ts";
import { wallClock } from "../clocks.ts";
import { makeUser } from "../people/make-user.ts";
import { commitCuttingProxy } from "./commit-cutting-proxy.ts";
import { closingStorages, draft, oneTo, storageOptions, storedSeqs } from "./temporary-storage.ts";

const postgres = await startPostgres();
after(() => postgres.stop());

const randomBytes = storageOptions("unused").randomBytes;

async function twoServers(t: TestContext): Promise<[Storage, Storage]> {
  const open = opening(t, await postgres.createDatabase());
  return Promise.all([open(), open()]);
}

const opening = (t: TestContext, url: string) =>
  closingStorages(t, { ...storageOptions("unused"), database: { kind: "postgres", url, poolSize: 8 } });

const append = (storage: Storage, key: string) =>
  storage.write((transaction) => transaction.append([draft(key)]));

function seqsHeardBy(storage: Storage): number[] {
  const seqs: number[] = [];
  storage.log.subscribe((records) => seqs.push(...records.map(({ seq }) => seq)));
  return seqs;
}

async function otherClient(t: TestContext, storage: Storage): Promise<pg.Client> {
  const { rows } = await sql<{ name: string }>`select current_database() as name`.execute(storage.read);
  const client = new pg.Client({ connectionString: postgres.url(rows[0]!.name) });
  client.on("error", () => undefined);
  await client.connect();
  t.after(() => client.end());
  return client;
}

test("servers that start at once on an empty database come up as one issuer", async (t) => {
  const [left, right] = await twoServers(t);
  assert.equal(left.log.incarnation, right.log.incarnation);
  assert.deepEqual(left.log.hashKey, right.log.hashKey);
  const keysOf = async (storage: Storage) => {
    const options = { storage, clock: systemClock, randomBytes };
    const ring = await KeyRing.open({ storage, clock: systemClock, operatorLog: silentLog });
    return [ring.state().keys, await loadCookieKeys(options)];
  };
  const [ours, theirs] = await Promise.all([keysOf(left), keysOf(right)]);
  assert.deepEqual(ours, theirs);
});

test("two servers that append at once: no gap, one order, one chain, and both hear all of it in order", async (t) => {
  const servers = await twoServers(t);
  const heard = servers.map(seqsHeardBy);
  const given = await Promise.all(
    oneTo(300).map(async (index) => {
      const server = servers[index % 2]!;
      const { seq } = await append(server, String(index));
      assert.ok(server.log.head() >= seq, "nobody is told before the server itself has got there");
      return seq;
    }),
  );
  assert.deepEqual(
    given.toSorted((left, right) => left - right),
    oneTo(300),
  );
  for (const [at, server] of servers.entries()) {
    await server.log.refresh();
    assert.deepEqual(heard[at], oneTo(300));
  }
  const [left, right] = servers.map(({ log }) => Buffer.from(log.position().chain).toString("hex"));
  assert.equal(left, right);
});

test("a refresh reads what another server has committed, also when its notification is lost", async (t) => {
  const [left, right] = await twoServers(t);
  const heard = seqsHeardBy(right);
  await append(left, "a");
  assert.equal(await right.log.refresh(), 1);
  assert.deepEqual(heard, [1]);
});

test("tokens that live longer at another server count at once, and nothing is stored for too short", async (t) => {
  const open = opening(t, await postgres.createDatabase());
  const short = await open({ tokenLifetimeSeconds: 300 });
  const long = await open({ tokenLifetimeSeconds: 600 });
  let incarnations = 0;
  short.log.onIncarnation(() => incarnations++);
  await assert.rejects(append(short, "a"), (error) => hasCode(error, "storage_unavailable"));
  await short.log.refresh();
  assert.deepEqual([incarnations, short.log.tokenLifetimeSeconds], [1, 600]);
  assert.equal(short.log.incarnation, long.log.incarnation);
  await append(short, "a");
  const [record] = await short.log.read(0, 1);
  assert.equal(record!.expiresAt - record!.revokedAt, 610);
});

test("a transaction that somebody else leaves open stalls no append", async (t) => {
  const [left, right] = await twoServers(t);
  const other = await otherClient(t, left);
  await other.query("begin; insert into replicas (client_id, name, lease_ms) values ('x', 'y', 1)");
  await other.query("select head from revocation_state");
  assert.equal((await append(left, "a")).seq, 1);
  assert.equal((await append(right, "b")).seq, 2);
});

test("a unit that hangs stalls nobody else, and is undone", async (t) => {
  const [server] = await twoServers(t);
  let go = () => {};
  const hanging = server.write(async (transaction) => {
    transaction.append([draft("late")]);
    await new Promise<void>((resolve) => {
      go = resolve;
    });
  });
  for (const index of oneTo(20)) assert.equal((await append(server, String(index))).seq, index);
  go();
  await hanging;
  assert.equal(server.log.head(), 21);
});

test("units that wait for each other's rows all get through", async (t) => {
  const [left, right] = await twoServers(t);
  const names = ["a", "b", "c", "d"];
  const rows = names.map((name) => ({ client_id: "x", name, lease_ms: 0 }));
  await left.write(({ db }) => db.insertInto("replicas").values(rows).execute());
  const touchAll = (storage: Storage, order: readonly string[]) =>
    storage.write(async ({ db }) => {
      for (const name of order) {
        const more = sql<number>`lease_ms + 1`;
        await db.updateTable("replicas").set({ lease_ms: more }).where("name", "=", name).execute();
      }
    });
  await Promise.all(oneTo(20).flatMap(() => [touchAll(left, names), touchAll(right, names.toReversed())]));
  const after = await left.read.selectFrom("replicas").select("lease_ms").execute();
  assert.deepEqual(
    after.map(({ lease_ms }) => lease_ms),
    [40, 40, 40, 40],
  );
});

test("units wait for a lock for times that differ by chance, and short enough for several in one unit", () => {
  const [shortest, longest] = [firstLockLimitMs(() => 0), firstLockLimitMs(() => 0.999)];
  assert.ok(shortest > 0 && longest > 3 * shortest);
  assert.ok(longest * 10 < 5000, "the time limit of a unit");
});

test("a burst of appends is one group, and not one of each lane", async (t) => {
  const [server] = await twoServers(t);
  // All lanes connect.
  await Promise.all(oneTo(8).map(() => server.write(({ db }) => sql`select pg_sleep(0.05)`.execute(db))));
  const { commits } = server.counters;
  await Promise.all(oneTo(200).map((index) => append(server, String(index))));
  assert.equal(server.counters.commits - commits, 1);
  // While those are stored, more arrive one after the other, as requests do.
  const more = oneTo(20).map(async (index) => {
    for (let turn = 0; turn < index; turn++) await nextTurn();
    await append(server, `late ${index}`);
  });
  await Promise.all([append(server, "first"), ...more]);
  assert.ok(server.counters.commits - commits <= 4, `${server.counters.commits - commits} commits`);
});

test("while another server hangs with the log's counter, what appends nothing is still stored", async (t) => {
  const [server] = await twoServers(t);
  const other = await otherClient(t, server);
  await other.query("begin; select 1 from revocation_state for update");
  const appended = append(server, "a");
  await lockIsWaitedFor(server);
  const replica = { client_id: "x", name: "y", lease_ms: 1 };
  const first = await Promise.race([
    appended.then(() => "append", String),
    server.write(({ db }) => db.insertInto("replicas").values(replica).execute()).then(() => "replica"),
  ]);
  assert.equal(first, "replica");
  await other.query("commit");
  assert.equal((await appended).seq, 1);
});

test("a statement that a unit asked, saw fail and went on after ends that unit, and not the next", async (t) => {
  const [server] = await twoServers(t);
  const replica = { client_id: "x", name: "y", lease_ms: 1 };
  const [careless, next, appended] = await Promise.allSettled([
    server.write(({ db }) => sql`select nothing`.execute(db).catch(() => undefined)),
    server.write(({ db }) => db.insertInto("replicas").values(replica).execute()),
    append(server, "a"),
  ]);
  assert.deepEqual([careless.status, next.status, appended.status], ["rejected", "fulfilled", "fulfilled"]);
});

test("an append after the server has ended every idle connection is stored", async (t) => {
  const [server] = await twoServers(t);
  await append(server, "a");
  const other = await otherClient(t, server);
  await other.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid != pg_backend_pid()",
  );
  assert.equal((await append(server, "b")).seq, 2);
  assert.equal(await server.log.refresh(), 2);
});

test("guesses at two servers are counted together", async (t) => {
  const servers = await twoServers(t);
  const limits = servers.map((storage) =>
    createGuessLimit({ storage, clock: wallClock(() => 1000), clockSkewMs: 5000 }),
  );
  const attempt = { usernameKey: "alice", address: "127.0.0.1", standing: { kind: "stranger" } } as const;
  const waits = await Promise.all(oneTo(30).map((index) => limits[index % 2]!.take(attempt)));
  assert.equal(waits.filter((wait) => wait === undefined).length, 6);
});

const uid = "s".repeat(22);
const grantId = "g".repeat(22);

async function consented(storage: Storage): Promise<GrantStore> {
  await storage.write(async ({ db }) => {
    const now = wholeSeconds(systemClock);
    const session = { uid, account_id: "alice", payload: "{}", created_at: now, last_seen_at: now };
    await db
      .insertInto("oidc_sessions")
      .values({ ...session, expires_at: now + 60 })
      .execute();
    const grant = { id: grantId, session_uid: uid, account_id: "alice", client_id: "web", payload: "{}" };
    await db
      .insertInto("oidc_grants")
      .values({ ...grant, created_at: 1 })
      .execute();
  });
  return grantsOf(storage);
}

const grantsOf = (storage: Storage): GrantStore =>
  new GrantStore({
    storage,
    clock: systemClock,
    consents: new Consents({ storage, clock: systemClock }),
  });

const yesTo = (...scopes: string[]): Answer => ({
  allowed: { ...NOTHING, scopes },
  declined: NOTHING,
  until: undefined,
});

test("what is put below a grant while its session ends at another server ends with it", async (t) => {
  const [left, right] = await twoServers(t);
  const grants = await consented(left);
  let ending: Promise<boolean> | undefined;
  const outside = AsyncLocalStorage.snapshot();
  await left.write(async (transaction) => {
    assert.equal(await grants.isLive(transaction, grantId), true);
    // It waits for this unit: the row that is inserted below must be there when it deletes.
    ending ??= outside(() => right.write((other) => lineageIn(other, systemClock).endSession(uid)));
    await lockIsWaitedFor(left);
    const row = { id_hash: hashOf("code"), model: "RefreshToken", payload: "{}", grant_id: grantId };
    await transaction.db
      .insertInto("oidc_artefacts")
      .values({ ...row, expires_at: 9e9 })
      .execute();
  });
  await ending;
  assert.deepEqual(await left.read.selectFrom("oidc_artefacts").selectAll().execute(), []);
  await left.write(async (transaction) => {
    assert.equal(await grants.isLive(transaction, grantId), false);
  });
});

test("two consents at two servers make one grant, and none is lost", async (t) => {
  const servers = await twoServers(t);
  await consented(servers[0]);
  const stores = servers.map(grantsOf);
  const owner = { sessionUid: uid, accountId: "alice", clientId: "other" };
  const ids = await Promise.all(
    oneTo(12).map((index) =>
      stores[index % 2]!.consent(owner, {
        answer: yesTo(`s${index}`),
        extend: async (existing) => {
          const scopes = [...((existing?.scopes as number[] | undefined) ?? []), index];
          const jti = existing?.jti ?? String(index).padStart(22, "x");
          return { ...owner, jti, exp: 0, scopes };
        },
      }),
    ),
  );
  assert.equal(new Set(ids).size, 1);
  const grant = await stores[0]!.find(ids[0]!);
  assert.equal((grant!.scopes as number[]).length, 12);
  const taken = await stores[0]!.takeUp(owner, async (_existing, { allowed }) => {
    assert.equal(allowed.scopes.length, 12);
    return { ...owner, jti: ids[0]!, exp: 0 };
  });
  assert.equal(taken, ids[0]);
});

test("a grant that is made of a consent while that is withdrawn at another server ends with it", async (t) => {
  const [left, right] = await twoServers(t);
  const grants = await consented(left);
  const owner = { sessionUid: uid, accountId: "alice", clientId: "other" };
  const pair = { subject: "alice", client: "other" };
  const payload = { ...owner, jti: "h".repeat(22), exp: 0, openid: { scope: "openid" } };
  await grants.consent(owner, { answer: yesTo("openid"), extend: async () => payload });
  await left.write((transaction) => lineageIn(transaction, systemClock).endGrant(payload.jti));
  let withdrawing: Promise<void> | undefined;
  const outside = AsyncLocalStorage.snapshot();
  const id = await grants.takeUp(owner, async (_existing, { allowed }) => {
    assert.deepEqual(allowed.scopes, ["openid"]);
    withdrawing ??= outside(() =>
      right.write((other) => lineageIn(other, systemClock).endSubjectClient(pair)),
    );
    await lockIsWaitedFor(left);
    return { ...payload, jti: "i".repeat(22) };
  });
  await withdrawing;
  assert.equal(await grants.find(id!), undefined);
  assert.equal(await grants.takeUp(owner, async () => payload), undefined);
});

test("a user who is disabled at another server while signing in gets no session", async (t) => {
  const [left, right] = await twoServers(t);
  const parts = { storage: left, clock: systemClock, randomBytes };
  const users = new Users({ ...parts, endUntrue: async () => undefined });
  const { id } = await makeUser(
    { users, storage: left },
    { username: "alice", name: "Alice", password: "a password of alice" },
  );
  const times = createStoredTimes({ clock: systemClock, clockSkewSeconds: 5 });
  const ofStrangers = {} as RowsOfStrangers;
  const policies = await Policies.open({ storage: right, clock: systemClock, endAll: async () => 0 });
  const lastSeen = { note() {} };
  const sessions = new SessionStore({
    ...parts,
    storage: right,
    times,
    ofStrangers,
    policies,
    lastSeen,
    limits: { async makeRoom() {} },
    endAll: async () => 0,
  });
  const passwordMark = passwordMarkOf((await users.findActive(id))!);
  const session = { id: "cookie", payload: { uid, accountId: id }, ttlSeconds: 1000, passwordMark };
  let opening: Promise<[boolean, boolean]> | undefined;
  const outside = AsyncLocalStorage.snapshot();
  await left.write(async (transaction) => {
    await users.disable(transaction, id);
    opening ??= outside(() =>
      Promise.all([sessions.save(session), right.write((other) => lockActive(other, id, 0))]),
    );
    await lockIsWaitedFor(left);
  });
  assert.deepEqual(await opening, [false, false]);
  await left.write((transaction) => users.enable(transaction, id));
  assert.equal(await sessions.find("cookie"), undefined);
  assert.equal(await sessions.save(session), true);
});

test("a user who is banned at another server while signing in gets no session", async (t) => {
  const [left, right] = await twoServers(t);
  const parts = { storage: left, clock: systemClock, randomBytes };
  const users = new Users({ ...parts, endUntrue: async () => undefined });
  const { id } = await makeUser(
    { users, storage: left },
    { username: "alice", name: "Alice", password: "a password of alice" },
  );
  const times = createStoredTimes({ clock: systemClock, clockSkewSeconds: 5 });
  const bans = new Bans({ ...parts, times });
  const ofStrangers = {} as RowsOfStrangers;
  const policies = await Policies.open({ storage: right, clock: systemClock, endAll: async () => 0 });
  const lastSeen = { note() {} };
  const sessions = new SessionStore({
    ...parts,
    storage: right,
    times,
    ofStrangers,
    policies,
    lastSeen,
    limits: { async makeRoom() {} },
    endAll: async () => 0,
  });
  const passwordMark = passwordMarkOf((await users.findActive(id))!);
  const session = { id: "cookie", payload: { uid, accountId: id }, ttlSeconds: 1000, passwordMark };
  const forEver = { message: undefined, until: undefined };
  const request = { userId: id, scope: "all", reason: "spam", actor: "admin", ...forEver } as const;
  let opening: Promise<boolean> | undefined;
  const outside = AsyncLocalStorage.snapshot();
  const banId = await left.write(async (transaction) => {
    await users.findRow(transaction, "alice");
    const made = await bans.add(transaction, request);
    opening ??= outside(() => sessions.save(session));
    await lockIsWaitedFor(left);
    return made;
  });
  assert.equal(await opening, false);
  assert.equal(await bans.lift(banId, { actor: "admin", requireOver: async () => {} }), true);
  assert.equal(await sessions.find("cookie"), undefined);
  assert.equal(await sessions.save(session), true);
});

const APP: NewApp = {
  clientId: "web",
  name: "App",
  type: "spa",
  clientAuthentication: "none",
  redirectUris: [],
  postLogoutRedirectUris: [],
  grantTypes: ["authorization_code"],
  apis: {},
  optionalScopes: [],
  firstParty: true,
  introspectsAnyToken: false,
  requirePkce: true,
  idTokenAlgorithm: "ES256",
  origin: "api",
};

test("what would show that a change of a user makes no token stale waits for the change", async (t) => {
  const [left, right] = await twoServers(t);
  const ground = (storage: Storage) => {
    const apis = new Apis({ storage, clock: systemClock, issuer: "https://issuer.example" });
    const clients = new Clients({ storage, clock: systemClock, issuer: "https://issuer.example" });
    return { apis, clients, endUntrue: createEndUntrueClaims({ apis, clients }) };
  };
  const [{ apis, clients, endUntrue }, there] = [ground(left), ground(right)];
  const users = new Users({ storage: left, clock: systemClock, randomBytes, endUntrue });
  const { id } = await makeUser(
    { users, storage: left },
    { username: "alice", name: "Alice", password: "a password of alice" },
  );
  const settings = { name: "API", permissions: { read: "Read" }, accessTokenTtlSeconds: 60 };
  const api = {
    ...settings,
    algorithm: "ES256",
    origin: "api",
    claims: { tier: "attributes.tier" },
  } as const;
  const [known, later] = ["https://known.example", "https://later.example"] as const;
  await left.write(async (transaction) => {
    await apis.insert(transaction, { ...api, identifier: known });
    await apis.insert(transaction, { ...api, identifier: later, claims: {} });
    await clients.insert(transaction, { ...APP, apis: { [known]: ["read"] } });
    const now = wholeSeconds(systemClock);
    const session = { uid, account_id: id, payload: "{}", created_at: now, last_seen_at: now };
    await transaction.db
      .insertInto("oidc_sessions")
      .values({ ...session, expires_at: now + 60 })
      .execute();
  });
  let tier = 0;
  const whileTheUserChanges = async (waits: () => Promise<unknown>) => {
    let waiting: Promise<unknown> | undefined;
    const outside = AsyncLocalStorage.snapshot();
    const { appended } = await left.write(async (transaction) => {
      const before = await users.findRow(transaction, id);
      const fields = { ...fieldsOf(before), attributes: { tier: ++tier } };
      const changed = await users.update(transaction, before, { fields, actor: "admin" });
      waiting ??= outside(waits);
      await lockIsWaitedFor(left);
      return changed;
    });
    await waiting;
    return appended?.seq;
  };
  // Nobody has a token that says another tier yet.
  await whileTheUserChanges(() => right.write((transaction) => there.apis.namedIn(transaction, [known])));
  const owner = { sessionUid: uid, accountId: id, clientId: APP.clientId };
  const allowed = { scopes: ["openid"], claims: [], resources: {} };
  const payload = { ...owner, jti: grantId, exp: 0 };
  const open = () => grantsOf(right).open(owner, allowed, async () => payload);
  assert.equal(await whileTheUserChanges(open), undefined);
  const getsClaim = () =>
    right.write(async (transaction) =>
      there.apis.update(transaction, await there.apis.lock(transaction, later), api),
    );
  assert.equal(await whileTheUserChanges(getsClaim), 1, "of the API that is known to have had it");
});

test("a commit whose answer is lost is told as a failure, and is found later, once", async (t) => {
  const url = new URL(await postgres.createDatabase());
  const proxy = await commitCuttingProxy(Number(url.port));
  t.after(() => proxy.close());
  url.port = String(proxy.port);
  const storage = await opening(t, url.href)();
  const heard = seqsHeardBy(storage);
  proxy.cutAfterNextCommit();
  await assert.rejects(append(storage, "a"), (error) => hasCode(error, "storage_unavailable"));
  assert.equal(await storage.log.refresh(), 1);
  assert.equal((await append(storage, "b")).seq, 2);
  assert.deepEqual(heard, [1, 2]);
});

test("while the database is away everything is 503, and it comes back by itself", async (t) => {
  const own = await startPostgres();
  t.after(() => own.stop());
  const storage = await opening(t, await own.createDatabase())();
  await append(storage, "a");
  await own.kill("SIGKILL");
  const isAway = (error: unknown) => hasCode(error, "storage_unavailable");
  await assert.rejects(append(storage, "b"), isAway);
  await assert.rejects(storage.log.refresh(), isAway);
  await assert.rejects(storage.read.selectFrom("replicas").selectAll().execute(), isAway);
  await own.restart();
  assert.equal(await storage.log.refresh(), 1);
  assert.equal((await append(storage, "b")).seq, 2);
});

test("PostgreSQL killed in mid-run loses nothing that was answered", async (t) => {
  const own = await startPostgres();
  t.after(() => own.stop());
  const open = opening(t, await own.createDatabase());
  const servers = await Promise.all([open(), open()]);
  const heard = servers.map(seqsHeardBy);
  const answered = new Set<number>();
  const enough = Promise.withResolvers<void>();
  let stopping = false;
  const runs = oneTo(8).map(async (name) => {
    for (let index = 0; !stopping; index++) {
      try {
        answered.add((await append(servers[name % 2]!, `${name}-${index}`)).seq);
        if (answered.size > 300) enough.resolve();
      } catch (error) {
        assert.ok(hasCode(error, "storage_unavailable"), String(error));
        await once(AbortSignal.timeout(20), "abort");
      }
    }
  });
  await enough.promise;
  await own.kill("SIGKILL");
  await own.restart();
  const before = answered.size;
  while (answered.size < before + 50) await once(AbortSignal.timeout(20), "abort");
  stopping = true;
  await Promise.all(runs);
  const stored = await storedSeqs(servers[0]);
  assert.deepEqual(stored, oneTo(stored.length));
  assert.deepEqual(
    [...answered].filter((seq) => seq > stored.length),
    [],
  );
  for (const [at, server] of servers.entries()) {
    await server.log.refresh();
    assert.deepEqual(heard[at], stored);
  }
});

test("a listener hears other servers, and says when it is back after it was away", async (t) => {
  const [left, right] = await twoServers(t);
  const messages: string[] = [];
  let resumed = Promise.withResolvers<void>();
  let heard = Promise.withResolvers<void>();
  const listening = left.listen!(
    "portcullis",
    (payload) => {
      messages.push(payload);
      heard.resolve();
    },
    () => resumed.resolve(),
  );
  t.after(() => listening.close());
  await resumed.promise;
  await append(right, "a");
  await heard.promise;
  const message = { type: "head", incarnation: left.log.incarnation, seq: 1 };
  assert.deepEqual(JSON.parse(messages[0]!), message);
  resumed = Promise.withResolvers();
  heard = Promise.withResolvers();
  const other = await otherClient(t, left);
  await other.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query like 'listen%' and datname = current_database()",
  );
  await resumed.promise;
  listening.notify("hello");
  await heard.promise;
  assert.equal(messages.at(-1), "hello");
});

test("connections do not take settings that would lose commits, whatever the URL says", async (t) => {
  const url = new URL(await postgres.createDatabase());
  url.searchParams.set("options", "-c synchronous_commit=off");
  const storage = await opening(t, url.href)();
  const shown = await storage.write(({ db }) =>
    sql<{ synchronous_commit: string }>`show synchronous_commit`.execute(db),
  );
  assert.equal(shown.rows[0]!.synchronous_commit, "on");
});

const hashOf = (text: string): Uint8Array => createHash("sha256").update(text).digest();

/** Resolves once somebody waits for a lock. */
async function lockIsWaitedFor({ read }: Storage): Promise<void> {
  for (;;) {
    const { rows } = await sql`select 1 from pg_locks where not granted`.execute(read);
    if (rows.length > 0) return;
  }
}
