/** How long sessions live: by the policy, at every server, and without ending one that is used. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { assertRefused, begin, isEnd, ok, passPages, refresh, type SignedIn, signIn } from "../oidc/app.ts";
import { type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { startBehindProxy } from "../sign-in/visitor.ts";
import { changePolicy } from "./policy.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const LONG = { idleSeconds: 14 * 86_400, absoluteSeconds: 90 * 86_400 };

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());
beforeEach(() => changePolicy(server, LONG));

const isLive = async ({ claims }: SignedIn): Promise<boolean> =>
  (await server.server.oidc.sessions.findLive(claims.sid)) !== undefined;
const rowOf = ({ claims }: SignedIn) =>
  server.server.storage.read
    .selectFrom("oidc_sessions")
    .selectAll()
    .where("uid", "=", claims.sid)
    .executeTakeFirstOrThrow();

describe("a session that nobody uses", () => {
  it("is over after the idle time: its cookie and its refresh token lead nowhere", async () => {
    const device = await signIn(server);
    await changePolicy(server, { idleSeconds: 600 });
    server.advance(14 * MINUTE);
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
    const page = await device.browser.open(begin(server.issuer).url, isEnd);
    assert.equal(page.forms[0]!.hasPassword, true);
  });

  it("is pruned with its grant, and one that ended by hand is kept for as long as its tokens may be asked for", async () => {
    const [idle, ended] = [await signIn(server), await signIn(server)];
    await changePolicy(server, { idleSeconds: 600 });
    server.advance(2 * DAY);
    await server.server.oidc.endings.endSession({ uid: ended.claims.sid, accountId: ended.claims.sub });
    await server.prune();
    await assert.rejects(rowOf(idle));
    assert.notEqual((await rowOf(ended)).ended_at, null);
  });
});

describe("a session that is used", () => {
  it("does not end as idle: neither by visits alone nor by refreshes alone", async () => {
    const [visited, refreshed, unused] = [await signIn(server), await signIn(server), await signIn(server)];
    await changePolicy(server, { idleSeconds: 600 });
    let { refresh_token } = refreshed;
    for (let round = 0; round < 6; round++) {
      server.advance(8 * MINUTE);
      assert.match((await visited.browser.open(`${server.issuer}/account`)).body, /Your account/);
      ({ refresh_token } = ok(await refresh(server.issuer, refresh_token)));
      await server.prune();
    }
    assert.deepEqual(
      [await isLive(visited), await isLive(refreshed), await isLive(unused)],
      [true, true, false],
    );
  });

  it("lives on at another server that has not heard of the use, as after a kill", async () => {
    const device = await signIn(server);
    await changePolicy(server, { idleSeconds: 600 });
    server.advance(2 * MINUTE - 10_000);
    const { refresh_token } = ok(await refresh(server.issuer, device.refresh_token));
    const { last_seen_at } = await rowOf(device);
    server.advance(10 * MINUTE - 5000);
    assert.equal((await rowOf(device)).last_seen_at, last_seen_at, "nothing was stored");
    ok(await refresh(server.issuer, refresh_token));
  });

  it("is written once for however many refreshes, and when the server closes", async () => {
    const device = await signIn(server);
    const { last_seen_at } = await rowOf(device);
    server.advance(5 * MINUTE);
    let { refresh_token } = device;
    for (let times = 0; times < 5; times++)
      ({ refresh_token } = ok(await refresh(server.issuer, refresh_token)));
    assert.equal((await rowOf(device)).last_seen_at, last_seen_at);
    await server.restart();
    assert.ok((await rowOf(device)).last_seen_at >= last_seen_at + 300);
  });

  it("is over after the absolute time since the sign-in all the same, and another sign-in begins it anew", async () => {
    await changePolicy(server, { idleSeconds: 10 * 86_400, absoluteSeconds: 10 * 86_400 });
    const device = await signIn(server);
    server.advance(8 * DAY);
    const again = await signIn(server, { browser: device.browser, parameters: { prompt: "login" } });
    assert.equal(again.claims.sid, device.claims.sid);
    server.advance(8 * DAY);
    const { refresh_token } = ok(await refresh(server.issuer, again.refresh_token));
    server.advance(3 * DAY);
    assertRefused(await refresh(server.issuer, refresh_token), "invalid_grant");
  });
});

describe("a policy that is changed", () => {
  it("counts at once for the sessions that there are, at another server too, when it is shorter", async (t) => {
    if (server.server.storage.dialect === "sqlite") return t.skip("one server");
    const device = await signIn(server);
    const other = await server.startAnother();
    server.advance(20 * MINUTE);
    await changePolicy(server, { idleSeconds: 600 });
    assertRefused(await refresh(other, device.refresh_token), "invalid_grant");
  });

  it("brings nothing back when it is longer", async () => {
    const device = await signIn(server);
    await changePolicy(server, { idleSeconds: 600 });
    server.advance(20 * MINUTE);
    assert.equal(await isLive(device), false);
    await changePolicy(server, LONG);
    assert.equal(await isLive(device), false);
    assertRefused(await refresh(server.issuer, device.refresh_token), "invalid_grant");
  });
});

describe("a sign-in", () => {
  it("keeps address, type of device and methods: by the app's way and on the account page", async () => {
    const behind = await startBehindProxy();
    try {
      const browser = new PlainBrowser();
      browser.headers = {
        "x-forwarded-for": "203.0.113.7",
        "user-agent": "Mozilla/5.0 (iPhone) Version/17 Safari/604.1",
      };
      const begunAt = Math.floor(Date.now() / 1000);
      await passPages(browser, begin(behind.issuer).url);
      const rows = await behind.server.storage.read
        .selectFrom("oidc_sessions")
        .select(["address", "device_type", "amr", "auth_time", "created_at"])
        .where("account_id", "is not", null)
        .execute();
      assert.equal(rows.length, 1);
      const { auth_time, created_at, ...row } = rows[0]!;
      assert.deepEqual(row, { address: "203.0.113.7", device_type: "mobile", amr: "pwd" });
      // The time of the factor, which a second may part from that of the row.
      assert.ok(begunAt <= auth_time! && auth_time! <= created_at, `${begunAt}, ${auth_time}, ${created_at}`);
    } finally {
      await behind.stop();
    }
  });
});
