/** What is made at one server while another ends what it hangs below. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { createHash } from "node:crypto";
import test from "node:test";
import { systemClock } from "@portcullis/protocol";
import { Apis } from "../../../src/apis/apis.ts";
import { Clients, type NewApp } from "../../../src/apps/clients.ts";
import { Bans } from "../../../src/bans/bans.ts";
import { lineageIn } from "../../../src/oidc/endings/lineage.ts";
import { createEndUntrueClaims } from "../../../src/oidc/endings/stale-claims.ts";
import { NOTHING } from "../../../src/oidc/state/allowed.ts";
import { Consents } from "../../../src/oidc/state/consents.ts";
import { type Answer, GrantStore } from "../../../src/oidc/state/grant-store.ts";
import type { RowsOfStrangers } from "../../../src/oidc/state/rows-of-strangers.ts";
import { SessionStore } from "../../../src/oidc/state/session-store.ts";
import { fieldsOf, lockActive, passwordMarkOf, Users } from "../../../src/people/users.ts";
import { keepAnAdministrator } from "../../../src/roles/keep-an-administrator.ts";
import { Policies } from "../../../src/sessions/policies.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { createStoredTimes, wholeSeconds } from "../../../src/storage/stored-time.ts";
import { makeUser } from "../../people/make-user.ts";
import { oneTo } from "../temporary-storage.ts";
import { lockIsWaitedFor, postgresOfFile, randomBytes } from "./servers.ts";

const { twoServers } = await postgresOfFile();

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
    limits: { limitOf: async () => undefined, async lockSessions() {}, async makeRoom() {} },
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

interface Places {
  readonly madeAt: Storage;
  readonly signsInAt: Storage;
}

/** Alice, who has passed her factor at one of two servers, and the session that is about to be saved there. */
async function aliceSigningIn({ madeAt, signsInAt }: Places) {
  const parts = { storage: madeAt, clock: systemClock, randomBytes };
  const users = new Users({ ...parts, endUntrue: async () => undefined, keepAnAdministrator });
  const { id } = await makeUser(
    { users, storage: madeAt },
    { username: "alice", name: "Alice", password: "a password of alice" },
  );
  const times = createStoredTimes({ clock: systemClock, clockSkewSeconds: 5 });
  const ofStrangers = {} as RowsOfStrangers;
  const policies = await Policies.open({ storage: signsInAt, clock: systemClock, endAll: async () => 0 });
  const sessions = new SessionStore({
    ...parts,
    storage: signsInAt,
    times,
    ofStrangers,
    policies,
    lastSeen: { note() {} },
    limits: { async makeRoom() {} },
    endAll: async () => 0,
  });
  const passwordMark = passwordMarkOf((await users.findActive(id))!);
  const session = { id: "cookie", payload: { uid, accountId: id }, ttlSeconds: 1000, passwordMark };
  return { id, users, sessions, session };
}

test("a user who is disabled at another server while signing in gets no session", async (t) => {
  const [left, right] = await twoServers(t);
  const { id, users, sessions, session } = await aliceSigningIn({ madeAt: left, signsInAt: right });
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
  const { id, users, sessions, session } = await aliceSigningIn({ madeAt: left, signsInAt: right });
  const parts = { storage: left, clock: systemClock, randomBytes };
  const bans = new Bans(parts);
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
  jsonSignIn: false,
  introspectsAnyToken: false,
  requirePkce: true,
  frontchannelLogoutSessionRequired: true,
  userinfoWithApiToken: false,
  idTokenAlgorithm: "ES256",
  backchannelLogoutSessionRequired: true,
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
  const users = new Users({ storage: left, clock: systemClock, randomBytes, endUntrue, keepAnAdministrator });
  const { id } = await makeUser(
    { users, storage: left },
    { username: "alice", name: "Alice", password: "a password of alice" },
  );
  const settings = {
    name: "API",
    permissions: { read: "Read" },
    personalTokenPermissions: [],
    accessTokenTtlSeconds: 60,
  };
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

const hashOf = (text: string): Uint8Array => createHash("sha256").update(text).digest();
