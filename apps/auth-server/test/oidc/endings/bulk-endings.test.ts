/** Endings of more than is taken away at once: all of it is dead from the commit on, whatever became of the rows. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { type BlastRadius, silentLog, systemClock } from "@portcullis/protocol";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { ClearEndings } from "../../../src/oidc/endings/clear-endings.ts";
import { createForgetApi } from "../../../src/oidc/endings/forget-api.ts";
import { lineageIn } from "../../../src/oidc/endings/lineage.ts";
import { createEndOutlived } from "../../../src/oidc/endings/outlived-grants.ts";
import { createEndUnasked } from "../../../src/oidc/endings/unasked-grants.ts";
import { openStorage } from "../../../src/storage/open-storage.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import type { RevocationDraft, WriteTransaction } from "../../../src/storage/write-transaction.ts";
import { storageOptions } from "../../storage/temporary-storage.ts";
import {
  assertRefused,
  begin,
  isEnd,
  machineToken,
  ok,
  redeem,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
} from "../app.ts";
import { BOB, OTHER_RESOURCE, RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";
import { seedGrants } from "./seed-grants.ts";

const GRANTS = 450;

let server: ServerUnderTest;
beforeEach(async () => {
  server = await startServer();
});
afterEach(() => server.stop());

const countOf = async ({ read }: Pick<Storage, "read">, table: "oidc_grants" | "oidc_bulk_endings") => {
  const query = read.selectFrom(table).select(({ fn }) => fn.countAll().as("count"));
  return Number((await query.executeTakeFirstOrThrow()).count);
};

/** As a server leaves it that is killed right after the commit. */
const endAndCrash = (scope: "client" | "issuer") =>
  server.server.storage.write(async (transaction) => {
    const lineage = lineageIn(transaction, systemClock);
    if (scope === "client") await lineage.endClient("web");
    else await lineage.endEverything();
    const key = scope === "client" ? "web" : undefined;
    transaction.append([{ scope, key, mode: "kill", reason: "revoked" }]);
  });

const otherApp = (browser: SignedIn["browser"]) => {
  const parameters = { client_id: "other", resource: OTHER_RESOURCE, scope: "openid bills.read" };
  return signIn(server, { browser, parameters });
};

describe("an app that ends with more grants than are taken away at once", () => {
  it("has nothing that lives while the rows are there, and what is made afterwards lives on without them", async () => {
    const { storage, oidc } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS });
    const spent = await signIn(server);
    const mine = await signIn(server, { credentials: BOB });
    const other = await otherApp(mine.browser);
    const next = ok(await refresh(server.issuer, spent.refresh_token));
    const attempt = begin(server.issuer);
    const code = (await mine.browser.open(attempt.url, isEnd)).url;
    await endAndCrash("client");

    assert.equal(await countOf(storage, "oidc_grants"), GRANTS + 3);
    for (const token of [mine.refresh_token, next.refresh_token, spent.refresh_token])
      assertRefused(await refresh(server.issuer, token), "invalid_grant");
    assertRefused(await redeem(server.issuer, attempt, code), "invalid_grant");
    assert.equal(await oidc.grants.find(mine.claims.gid), undefined);
    assert.deepEqual(
      (await oidc.grants.of(mine.claims.sub)).map(({ clientId }) => clientId),
      ["other"],
    );
    const { authorizations } = (await oidc.sessions.findByUid(mine.claims.sid))!;
    assert.deepEqual(Object.keys(authorizations!), ["other"]);
    assert.equal(verdictOf(server, next.access_token), "revoked");
    const living = ok(await refresh(server.issuer, other.refresh_token, { client_id: "other" }));

    // In the same session, whose row of before is in the way.
    const again = await signIn(server, { browser: mine.browser });
    assert.notEqual(again.claims.gid, mine.claims.gid);
    const { refresh_token } = ok(await refresh(server.issuer, again.refresh_token));

    await server.prune();
    assert.deepEqual(
      [await countOf(storage, "oidc_grants"), await countOf(storage, "oidc_bulk_endings")],
      [2, 0],
    );
    ok(await refresh(server.issuer, refresh_token));
    ok(await refresh(server.issuer, living.refresh_token, { client_id: "other" }));
    assertRefused(await refresh(server.issuer, mine.refresh_token), "invalid_grant");
  });

  it("is told so at once, and the rows go without being asked for", async () => {
    const { storage } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS });
    const mine = await signIn(server);
    const body = { scope: "client", key: "web", mode: "kill", reason: "revoked" };
    assert.equal((await revokeByApi(server, body)).status, 200);
    assertRefused(await refresh(server.issuer, mine.refresh_token), "invalid_grant");
    await cleared();
    assert.equal(await countOf(storage, "oidc_grants"), 0);
    const left = await storage.read.selectFrom("oidc_artefacts").select("model").execute();
    assert.deepEqual(left, []);
  });

  it("is cleared by the next server that starts", async () => {
    await seedGrants(server.server.storage, { clientId: "web", grants: GRANTS });
    await endAndCrash("client");
    await server.restart();
    await cleared();
    assert.equal(await countOf(server.server.storage, "oidc_grants"), 0);
  });

  it("is cleared a step at a time, with the journal written back after each", async () => {
    const { storage } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS });
    await endAndCrash("client");
    const acts: string[] = [];
    const watched: typeof storage = {
      ...storage,
      async write(work, options) {
        const done = await storage.write(work, options);
        acts.push("step");
        return done;
      },
      async writeBack() {
        await storage.writeBack?.();
        acts.push("written back");
      },
    };
    await new ClearEndings({ storage: watched, clock: systemClock, operatorLog: silentLog }).clear();
    assert.match(acts.join(), /^(?:step,written back,){10,}step$/, "the last one forgets the ending");
    assert.equal(await countOf(storage, "oidc_grants"), 0);
  });

  it("that ends once more meanwhile takes what was made in between with it", async () => {
    const { storage } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS });
    await endAndCrash("client");
    const between = await signIn(server);
    ok(await refresh(server.issuer, between.refresh_token));
    const { refresh_token } = await signIn(server, { credentials: BOB });
    await endAndCrash("client");
    assertRefused(await refresh(server.issuer, refresh_token), "invalid_grant");
    await server.prune();
    assert.equal(await countOf(storage, "oidc_grants"), 0);
  });
});

/** Each step of clearing is a commit of this server, after which it is looked at again. */
async function cleared(): Promise<void> {
  while (server.logged("ending_cleared").length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe("a kill of everything with more sessions than are taken away at once", () => {
  it("leaves no session, not by cookie, late save or refresh, and a sign-in afterwards lives", async () => {
    const { storage, oidc } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS });
    const mine = await signIn(server);
    const saved = (await oidc.sessions.findByUid(mine.claims.sid))!;
    const attempt = begin(server.issuer);
    const code = (await mine.browser.open(attempt.url, isEnd)).url;
    await endAndCrash("issuer");

    assert.equal(await oidc.sessions.findLive(mine.claims.sid), undefined);
    const late = await oidc.sessions.save({ id: "late", payload: saved, ttlSeconds: 100 });
    assert.equal(late, false);
    assertRefused(await refresh(server.issuer, mine.refresh_token), "invalid_grant");
    assertRefused(await redeem(server.issuer, attempt, code), "invalid_grant");
    const page = await mine.browser.open(begin(server.issuer).url, isEnd);
    assert.ok(page.forms[0]!.hasPassword, "its cookie leads nowhere");
    const owner = { sessionUid: mine.claims.sid, accountId: mine.claims.sub, clientId: "web" };
    const nothing = { scopes: [], claims: [], resources: {} };
    await assert.rejects(
      oidc.grants.open(owner, nothing, async () => assert.fail("nothing is made below it")),
      { code: "session_over" },
    );

    const again = await signIn(server);
    await server.prune();
    const { refresh_token } = ok(await refresh(server.issuer, again.refresh_token));
    assert.equal(verdictOf(server, ok(await refresh(server.issuer, refresh_token)).access_token), "allow");
    const live = await storage.read
      .selectFrom("oidc_sessions")
      .select("uid")
      .where("account_id", "is not", null)
      .where("ended_at", "is", null)
      .execute();
    assert.deepEqual(
      live.map(({ uid }) => uid),
      [again.claims.sid],
    );
    assert.equal(await countOf(storage, "oidc_bulk_endings"), 0);
    assert.equal(await countOf(storage, "oidc_grants"), 1);
  });
});

describe("an API that is deleted when more rows have to be looked through than are at once", () => {
  const IDENTIFIER = "https://maps.example";
  const ELSEWHERE = "https://other.example";
  const api = {
    identifier: IDENTIFIER,
    name: "Maps",
    permissions: {},
    claims: {},
    personalTokenPermissions: [],
    algorithm: "ES256",
  } as const;

  it("is taken out of all that users have allowed, and nobody gets its identifier before", async () => {
    const { storage, apis } = server.server;
    const payload = JSON.stringify({ resources: { [IDENTIFIER]: "a", [ELSEWHERE]: "b" } });
    await seedGrants(storage, { clientId: "web", grants: GRANTS * 3, payload });
    const textsOf = async () => {
      const consents = await storage.read.selectFrom("oidc_consents").select("allowed as text").execute();
      const grants = await storage.read.selectFrom("oidc_grants").select("payload as text").execute();
      return [...new Set([...consents, ...grants].map(({ text }) => text))];
    };
    // A server that is killed after the commit.
    const forgetApi = createForgetApi({ dialect: storage.dialect, clearSoon: () => undefined });
    await storage.write((transaction) => forgetApi({ ...transaction, isTrial: true }, IDENTIFIER));
    assert.equal(await countOf(storage, "oidc_bulk_endings"), 0);
    await storage.write((transaction) => forgetApi(transaction, IDENTIFIER));
    assert.deepEqual(await textsOf(), [payload]);
    const insert = () =>
      storage.write((transaction) =>
        apis.insert(transaction, { ...api, accessTokenTtlSeconds: 300, origin: "api" }),
      );
    await assert.rejects(insert(), { code: "api_not_forgotten" });
    assert.equal(await apis.find(IDENTIFIER), undefined);
    await server.prune();
    const left = (await textsOf()).map((text) => JSON.parse(text));
    assert.deepEqual(left, [{ resources: { [ELSEWHERE]: "b" } }]);
    assert.equal(await insert(), true);
  });
});

describe("an app of very many that is not the operator's own any more", () => {
  const end = async (): Promise<RevocationDraft[]> => {
    const { storage } = server.server;
    const appended: RevocationDraft[] = [];
    const ended: string[] = [];
    const endUnasked = createEndUnasked({
      clock: systemClock,
      endBelow: async (_transaction, { scope }) => void ended.push(scope),
    });
    await storage.write((transaction) =>
      endUnasked(
        {
          ...transaction,
          append(drafts) {
            appended.push(...drafts);
            return { seq: 0 };
          },
        },
        { clientId: "web" },
      ),
    );
    assert.deepEqual(
      ended,
      appended.map(({ scope }) => scope),
    );
    return appended;
  };

  it("loses what its users were not asked for, each apart or all at once, and keeps what they allowed", async () => {
    const { storage } = server.server;
    const users = GRANTS * 5;
    await seedGrants(storage, { clientId: "web", grants: users });
    assert.deepEqual(await end(), []);
    // On each of the pages that it looks through.
    const unasked = Array.from({ length: 150 }, (_, at) => `u${at * 15}`);
    await storage.write(({ db }) =>
      db.deleteFrom("oidc_consents").where("account_id", "in", unasked).execute(),
    );
    const apart = await end();
    const subjects = apart.map(({ key }) => (key as { subject: string }).subject);
    assert.deepEqual(new Set(subjects), new Set(unasked));
    assert.equal(apart.length, unasked.length);
    await storage.write(({ db }) => db.deleteFrom("oidc_consents").execute());
    assert.deepEqual(
      (await end()).map(({ scope, key }) => [scope, key]),
      [["client", "web"]],
    );
  });
});

/** On each side of where one page ends and the next begins, and the last. */
const ON_EVERY_PAGE = [0, 499, 500, 1999, 2000, GRANTS * 5 - 1];
const idOf = (kind: "s" | "g", at: number) => `${kind}-web-${at}`.padStart(22, "A");
const HOUR_AGO = Math.floor(Date.now() / 1000) - 3600;

/** Used last, and signed in, an hour ago. */
async function makeOld(sessions: readonly string[]): Promise<void> {
  for (let at = 0; at < sessions.length; at += 100)
    await server.server.storage.write(({ db }) =>
      db
        .updateTable("oidc_sessions")
        .set({ last_seen_at: HOUR_AGO, auth_time: HOUR_AGO })
        .where("uid", "in", sessions.slice(at, at + 100))
        .execute(),
    );
}

for (const [whose, of] of [
  ["an app", { clientId: "web" }],
  ["an API", { api: RESOURCE }],
] as const) {
  describe(`shorter times of ${whose} with very many grants`, () => {
    const end = async () => {
      const appended: RevocationDraft[] = [];
      let steps = 0;
      const isInSteps = await server.server.storage.write(async (transaction) => {
        const counting: WriteTransaction = {
          ...transaction,
          nextStep() {
            steps++;
            return transaction.nextStep();
          },
          append(drafts) {
            appended.push(...drafts);
            return { seq: 0 };
          },
        };
        const change = { of, before: {}, after: { absoluteSeconds: 600 }, actor: "admin" };
        await createEndOutlived({ clock: systemClock })(counting, change);
        return transaction.holdsProcess;
      });
      return { ended: appended.map(({ scope, key }) => [scope, key]), steps, isInSteps };
    };

    it("end what is past them, on whichever page, each apart or all at once, and leave others alone", async () => {
      const { storage } = server.server;
      const payload = JSON.stringify({ resources: { [RESOURCE]: "orders.read" } });
      await seedGrants(storage, { clientId: "web", grants: GRANTS * 5, payload });
      await seedGrants(storage, { clientId: "other", grants: 1 });
      await makeOld(["s-other-0".padStart(22, "A"), ...ON_EVERY_PAGE.map((at) => idOf("s", at))]);
      const { ended, steps, isInSteps } = await end();
      assert.deepEqual(ended, ON_EVERY_PAGE.map((at) => ["grant", idOf("g", at)]).toSorted());
      assert.ok(!isInSteps || steps >= (GRANTS * 5) / 500, `in ${steps} steps`);
      assert.equal(await countOf(storage, "oidc_grants"), GRANTS * 5 - ON_EVERY_PAGE.length + 1);

      await makeOld(Array.from({ length: GRANTS * 5 }, (_, at) => idOf("s", at)));
      const all = "api" in of ? ["audience", RESOURCE] : ["client", "web"];
      assert.deepEqual((await end()).ended, [all]);
      assert.equal(await countOf(storage, "oidc_grants"), 1);
      assert.deepEqual((await end()).ended, []);
    });

    it("lock sessions that apps have for themselves before any grant, as everybody does", async () => {
      const { storage } = server.server;
      const payload = JSON.stringify({ resources: { [RESOURCE]: "orders.read" } });
      await seedGrants(storage, { clientId: "web", grants: 3, payload });
      await makeOld([0, 1].map((at) => idOf("s", at)));
      await storage.write(({ db }) => db.updateTable("oidc_sessions").set({ of_app: "web" }).execute());
      const locked: string[] = [];
      await storage.write(async (transaction) => {
        const noting: WriteTransaction = {
          ...transaction,
          holdsProcess: false,
          lockRows(query, ofTable) {
            locked.push(/ from "(\w+)"/.exec(query.compile().sql)![1]!);
            return transaction.lockRows(query, ofTable);
          },
        };
        // Some have run out before, and some run out by the change: neither search comes after a lock of the other.
        const [before, after] = [{ absoluteSeconds: 7200 }, { absoluteSeconds: 600 }];
        await createEndOutlived({ clock: systemClock })(noting, { of, before, after, actor: "admin" });
      });
      assert.deepEqual(locked, ["oidc_sessions", "oidc_grants"]);
      assert.equal(await countOf(storage, "oidc_grants"), 1);
    });
  });
}

describe("a shorter policy for very many sessions", () => {
  const idle = (idleSeconds: number) => {
    const { storage, policies } = server.server;
    return storage.write(async (transaction) => {
      const before = await policies.lock(transaction, "default");
      const after = { ...before, idleSeconds };
      return policies.change(transaction, { before, after, actor: "admin" });
    });
  };

  it("ends those that are over by it, of whichever page, and a longer one brings none of them back", async () => {
    const { storage } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS * 5 });
    const old = Array.from({ length: 1100 }, (_, at) => idOf("s", at * 2));
    await makeOld(old);
    const ended = await idle(600);
    assert.equal(ended.ended, old.length);
    assert.deepEqual([(await idle(600_000)).ended], [0]);
    const { sessions } = server.server.oidc;
    assert.equal(await sessions.findLive(old[0]!), undefined);
    assert.equal(await sessions.findLive(old.at(-1)!), undefined);
    assert.notEqual(await sessions.findLive(idOf("s", 1)), undefined);
  });

  it("ends few of them apart, with a record each, on whichever page they are", async () => {
    const { storage } = server.server;
    await seedGrants(storage, { clientId: "web", grants: GRANTS * 5 });
    const old = ON_EVERY_PAGE.map((at) => idOf("s", at));
    await makeOld(old);
    assert.equal((await idle(600)).ended, old.length);
    const records = storage.read.selectFrom("revocations").select("key_text").orderBy("key_text");
    const keys = (await records.execute()).map(({ key_text }) => key_text);
    assert.deepEqual(keys, old.toSorted());
    assert.equal(await countOf(storage, "oidc_grants"), GRANTS * 5 - old.length);
  });
});

describe("a dry run", () => {
  it("counts the same of a great many", async () => {
    const { storage } = server.server;
    const before = await dryRunOf({ scope: "issuer" });
    await seedGrants(storage, { clientId: "web", grants: GRANTS * 3 });
    assert.deepEqual(await dryRunOf({ scope: "client", key: "web" }), {
      users: GRANTS * 3,
      sessions: 0,
      apps: 1,
      tokens: GRANTS * 3,
    });
    const all = await dryRunOf({ scope: "issuer" });
    assert.equal(all.users, (before.users as number) + GRANTS * 3);
    assert.equal(all.sessions, (before.sessions as number) + GRANTS * 3);
    await endAndCrash("client");
    const nothing = { users: 0, sessions: 0, apps: 0, tokens: 0 };
    assert.deepEqual(await dryRunOf({ scope: "client", key: "web" }), nothing);
  });
});

async function dryRunOf(body: object): Promise<BlastRadius> {
  const { issuer } = server;
  const accessToken = await machineToken(issuer, "admin", `${issuer}/api`, "revocations.write");
  const answer = await exchange(`${issuer}/revocations?dryRun=true`, {
    method: "POST",
    body: JSON.stringify({ mode: "kill", ...body }),
    headers: { authorization: `Bearer ${accessToken}`, "content-type": "application/json" },
  });
  assert.equal(answer.status, 200, answer.body);
  return json<{ ends: BlastRadius }>(answer).ends;
}

describe("a server that is killed while it clears", () => {
  it("leaves the rest marked, and the next one clears it", async (t) => {
    const directory = await mkdtemp(join(tmpdir(), "portcullis-clear-"));
    t.after(() => rm(directory, { recursive: true }));
    const file = join(directory, "auth-server.sqlite");
    await killAfterSteps(clearUntilKilled(file), 2);
    const storage = await openStorage(storageOptions(file));
    t.after(() => storage.close());
    const left = await countOf(storage, "oidc_grants");
    assert.ok(left > 0 && left < GRANTS * 2, `${left} grants are left`);
    assert.equal(await countOf(storage, "oidc_bulk_endings"), 1);
    await new ClearEndings({ storage, clock: systemClock, operatorLog: silentLog }).clear();
    assert.deepEqual(
      [await countOf(storage, "oidc_grants"), await countOf(storage, "oidc_bulk_endings")],
      [0, 0],
    );
  });
});

function clearUntilKilled(file: string): ChildProcess {
  const script = fileURLToPath(new URL("./clear-until-killed.ts", import.meta.url));
  return spawn(process.execPath, ["--conditions=@portcullis/source", script, file, String(GRANTS * 2)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function killAfterSteps(child: ChildProcess, steps: number): Promise<void> {
  const exited = once(child, "exit");
  let text = "";
  for await (const chunk of child.stdout!) {
    text += chunk;
    if (text.split("\n").length > steps) child.kill("SIGKILL");
  }
  await exited;
}
