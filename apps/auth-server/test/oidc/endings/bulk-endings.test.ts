/** Endings of more than is taken away at once: all of it is dead from the commit on, whatever became of the rows. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { silentLog, systemClock } from "@portcullis/protocol";
import { ClearEndings } from "../../../src/oidc/endings/clear-endings.ts";
import { lineageIn } from "../../../src/oidc/endings/lineage.ts";
import { openStorage } from "../../../src/storage/open-storage.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { storageOptions } from "../../storage/temporary-storage.ts";
import {
  assertRefused,
  begin,
  isEnd,
  ok,
  redeem,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
} from "../app.ts";
import { BOB, OTHER_RESOURCE, type ServerUnderTest, startServer } from "../server-under-test.ts";
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
