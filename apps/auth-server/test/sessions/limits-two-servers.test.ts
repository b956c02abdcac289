/** Two servers on one PostgreSQL database, and 200 sign-ins of one user at once: a limit is exact. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { encodeIdentifier, hasCode, type PolicySettings, systemClock } from "@portcullis/protocol";
import { until } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import { sql } from "kysely";
import pg from "pg";
import { createEndSessions } from "../../src/oidc/endings/lineage.ts";
import { AppLimits } from "../../src/oidc/state/app-limit.ts";
import { Consents } from "../../src/oidc/state/consents.ts";
import { GrantStore } from "../../src/oidc/state/grant-store.ts";
import type { RowsOfStrangers } from "../../src/oidc/state/rows-of-strangers.ts";
import { SessionStore } from "../../src/oidc/state/session-store.ts";
import { passwordMarkOf, Users } from "../../src/people/users.ts";
import { keepAnAdministrator } from "../../src/roles/keep-an-administrator.ts";
import { Policies } from "../../src/sessions/policies.ts";
import { SessionLimits } from "../../src/sessions/session-limit.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import type { Storage } from "../../src/storage/storage.ts";
import { createStoredTimes } from "../../src/storage/stored-time.ts";
import { makeUser } from "../people/make-user.ts";
import { storageOptions } from "../storage/temporary-storage.ts";
import { changePolicy } from "./policy.ts";

const SIGN_INS = 200;
const MAX = 5;
const clock = systemClock;
const times = createStoredTimes({ clock, clockSkewSeconds: 5 });
const newId = (): string => encodeIdentifier(randomBytes(16));

let url: string;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let servers: readonly {
  storage: Storage;
  policies: Policies;
  sessions: SessionStore;
  grants: GrantStore;
}[];
before(async () => {
  postgres = await startPostgres({ fsync: false });
  url = await postgres.createDatabase();
  const open = async () => {
    const storage = await openStorage({
      ...storageOptions(""),
      database: { kind: "postgres", url, poolSize: 8 },
    });
    const endAll = createEndSessions(clock);
    const policies = await Policies.open({ storage, clock, endAll });
    const limits = new SessionLimits({ clock, policies, endAll });
    const parts = { storage, clock, times, randomBytes, policies, limits, endAll };
    const lastSeen = { note() {} };
    const limitOfApp = async () => undefined;
    const grants = new GrantStore({
      storage,
      clock,
      consents: new Consents({ storage, clock }),
      limits: new AppLimits({ clock, policies, limitOfApp }),
    });
    return {
      storage,
      policies,
      grants,
      sessions: new SessionStore({ ...parts, lastSeen, ofStrangers: {} as RowsOfStrangers }),
    };
  };
  servers = [await open(), await open()];
});
after(async () => {
  for (const { storage } of servers) await storage.close();
  await postgres.stop();
});

type Limit = NonNullable<PolicySettings["sessionLimit"]>;
type Overflow = Limit["overflow"];

/** A new user, and the limit for all. */
async function limited(username: string, limit: Pick<Limit, "per" | "overflow">) {
  const [server] = servers as [(typeof servers)[0]];
  const { storage } = server;
  const users = new Users({
    storage,
    clock,
    randomBytes,
    endUntrue: async () => undefined,
    keepAnAdministrator,
  });
  const user = { username, name: username, password: `a password of ${username}` };
  const { id: accountId } = await makeUser({ users, storage }, user);
  await changePolicy({ server }, { sessionLimit: { max: MAX, ...limit } });
  return { accountId, passwordMark: passwordMarkOf((await users.findActive(accountId))!) };
}

/** `there`: how many sessions there are before; each of those at once has chosen one of them to end. */
async function signInAtOnce(overflow: Overflow, there = 0) {
  const [{ storage, sessions }] = servers as [(typeof servers)[0]];
  const username = `alice-${overflow.toLowerCase()}-${there}`;
  const { accountId, passwordMark } = await limited(username, { per: "user", overflow });
  const session = (uid: string, ends: readonly string[] = []) => {
    const payload = { uid, accountId, signInId: newId() };
    return { id: newId(), payload, ttlSeconds: 1000, passwordMark, ends };
  };
  const existing = Array.from({ length: there }, newId);
  for (const uid of existing) await sessions.save(session(uid));
  const opened = await Promise.all(
    Array.from({ length: SIGN_INS }, async (_, at) => {
      const chosen = existing.slice(at % MAX, (at % MAX) + 1);
      return opens(servers[at % 2]!.sessions, session(newId(), chosen));
    }),
  );
  const live = (await sessions.devicesOf(accountId)).length;
  const replaced = await storage.read
    .selectFrom("oidc_sessions")
    .select("uid")
    .where("account_id", "=", accountId)
    .where("replaced_by", "is not", null)
    .execute();
  return { opened: opened.filter(Boolean).length, live, replaced: replaced.length };
}

const tryToOpen = (sessions: SessionStore, session: Parameters<SessionStore["save"]>[0]) =>
  attempted(() => sessions.save(session));

/** Undefined when others were in its way: nothing was changed then, and it may come again. */
async function attempted(work: () => Promise<boolean>): Promise<boolean | undefined> {
  try {
    return await work();
  } catch (error) {
    if (hasCode(error, "session_limit_reached")) return false;
    if (hasCode(error, "contended")) return undefined;
    throw error;
  }
}

/** Those that come again do so one after another. */
let turn: Promise<unknown> = Promise.resolve();

const opens = (...sign: Parameters<typeof tryToOpen>) => untilDone(() => tryToOpen(...sign));

async function untilDone(attempt: () => Promise<boolean | undefined>): Promise<boolean> {
  let isDone = await attempt();
  if (isDone !== undefined) return isDone;
  const again = turn.then(async () => {
    while (isDone === undefined) isDone = await attempt();
    return isDone;
  });
  turn = again.catch(() => {});
  return again;
}

test("a limit that refuses lets in as many as it says, of 200 at once at two servers", async () => {
  assert.deepEqual(await signInAtOnce("refuse"), { opened: MAX, live: MAX, replaced: 0 });
});

test("a limit that replaces leaves as many as it says, of 200 at once at two servers", async () => {
  const expected = { opened: SIGN_INS, live: MAX, replaced: SIGN_INS - MAX };
  assert.deepEqual(await signInAtOnce("replaceOldest"), expected);
});

test("a limit that asks lets in as many as it says, and none without a choice", async () => {
  assert.deepEqual(await signInAtOnce("ask"), { opened: MAX, live: MAX, replaced: 0 });
});

test("a limit that asks takes each choice once, of 200 at once at two servers", async () => {
  assert.deepEqual(await signInAtOnce("ask", MAX), { opened: MAX, live: MAX, replaced: MAX });
});

const ALLOWED = { scopes: ["openid"], claims: [], resources: {} };

/** A user is signed in in so many sessions, and an app comes into all of them at once. */
async function appJoinsAtOnce(overflow: Overflow) {
  const [{ storage, sessions }] = servers as [(typeof servers)[0]];
  const username = `carol-${overflow.toLowerCase()}`;
  const { accountId, passwordMark } = await limited(username, { per: "app", overflow });
  const uids = Array.from({ length: SIGN_INS }, newId);
  for (const uid of uids) {
    const payload = { uid, accountId, signInId: newId() };
    await sessions.save({ id: newId(), payload, ttlSeconds: 1000, passwordMark });
  }
  const joined = await Promise.all(
    uids.map((sessionUid, at) => {
      const owner = { sessionUid, accountId, clientId: "mail" };
      const extend = async () => ({ ...owner, jti: newId(), exp: 0 });
      return untilDone(() =>
        attempted(async () => (await servers[at % 2]!.grants.open(owner, ALLOWED, extend)) !== undefined),
      );
    }),
  );
  const grants = await storage.read
    .selectFrom("oidc_grants")
    .select("id")
    .where("account_id", "=", accountId)
    .execute();
  const replaced = await storage.read
    .selectFrom("oidc_ended_grants")
    .select("id")
    .where("account_id", "=", accountId)
    .where("replaced_by", "is not", null)
    .execute();
  return { joined: joined.filter(Boolean).length, live: grants.length, replaced: replaced.length };
}

test("an app comes into as many sessions as it may, of 200 at once at two servers", async () => {
  assert.deepEqual(await appJoinsAtOnce("refuse"), { joined: MAX, live: MAX, replaced: 0 });
});

test("an app leaves its oldest sessions, of 200 at once at two servers", async () => {
  const expected = { joined: SIGN_INS, live: MAX, replaced: SIGN_INS - MAX };
  assert.deepEqual(await appJoinsAtOnce("replaceOldest"), expected);
});

/** As an ending does: the session, and then what hangs below it. */
async function endingOf(url: string, uid: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const lock = (query: string) => client.query(`${query} = $1 for update`, [uid]);
  await client.query("begin");
  await lock("select uid from oidc_sessions where uid");
  return {
    lockGrants: () => lock("select id from oidc_grants where session_uid"),
    async stop() {
      await client.query("rollback");
      await client.end();
    },
  };
}

test("an app that makes room waits for an ending of a session that makes it, and holds nothing of what the ending needs", async () => {
  const [{ storage, sessions, grants }] = servers as [(typeof servers)[0]];
  const { accountId, passwordMark } = await limited("dave", { per: "app", overflow: "replaceOldest" });
  let extended = 0;
  const join = async (ofApp: string | undefined) => {
    const uid = newId();
    const payload = { uid, accountId, signInId: newId() };
    await sessions.save({ id: newId(), payload, ttlSeconds: 1000, passwordMark, ofApp });
    const owner = { sessionUid: uid, accountId, clientId: "mail" };
    const extend = async () => {
      extended++;
      return { ...owner, jti: newId(), exp: 0 };
    };
    return { uid, opened: grants.open(owner, ALLOWED, extend) };
  };
  const oldest = await join("mail");
  await oldest.opened;
  // The times of grants are whole seconds: of the same second the oldest is the one with the least id.
  await storage.write(async ({ db }) => {
    const grant = db.updateTable("oidc_grants").set({ created_at: 1 });
    await grant.where("session_uid", "=", oldest.uid).execute();
  });
  for (let at = 1; at < MAX; at++) await (await join("mail")).opened;
  extended = 0;
  const ending = await endingOf(url, oldest.uid);
  const { opened } = await join(undefined);
  const waiting = sql<{ count: number }>`select count(*)::int as count from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  try {
    await until(async () => (await waiting.execute(storage.read)).rows[0]!.count > 0, {
      what: "the app to wait for the ending",
      withinMs: 60_000,
      everyMs: 20,
    });
    await ending.lockGrants();
  } finally {
    await ending.stop();
  }
  assert.equal(typeof (await opened), "string");
  assert.equal(extended, 1, "undone and tried again");
});
