/** Sessions and the policy over HTTP: what is listed, named and ended, by whom, and what lives on. */
import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type {
  BlastRadius,
  EndedSession,
  EndedSessions,
  PolicyEntry,
  Receipt,
  SessionEntry,
  SessionList,
} from "@portcullis/protocol";
import { type Exchange, json } from "@portcullis/testing/end-to-end";
import { assertRefused, ok, refresh, type SignedIn, verdictOf } from "../oidc/app.ts";
import { BOB, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { type ApiCall, callApi, LAPTOP, PHONE, signInOn, startWithSessionApi } from "./session-api.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startWithSessionApi();
});
after(() => server.stop());

const call = (path: string, options?: ApiCall) => callApi(server, path, options);
const assertProblem = (answer: Exchange, status: number, code: string): void =>
  assert.deepEqual({ status: answer.status, code: json<{ code: string }>(answer).code }, { status, code });
function body<Body>(answer: Exchange, status = 200): Body {
  assert.equal(answer.status, status, answer.body);
  return json<Body>(answer);
}
const list = async (query: string): Promise<SessionList> => body(await call(`sessions?${query}`));
const sids = ({ items }: SessionList): string[] => items.map(({ sid }) => sid).toSorted();
const sidsOf = (...devices: readonly SignedIn[]): string[] =>
  devices.map(({ claims }) => claims.sid).toSorted();

let phone: SignedIn;
let laptop: SignedIn;
let tablet: SignedIn;
let bob: SignedIn;
const everybody = () => ({ phone, laptop, tablet, bob });
beforeEach(async () => {
  body(await call("users/alice/sessions/end", { method: "POST", body: { all: true } }));
  body(await call("users/bob/sessions/end", { method: "POST", body: { all: true } }));
  server.advance(2000);
  phone = await signInOn(server, PHONE);
  laptop = await signInOn(server, LAPTOP, { parameters: { client_id: "other" } });
  server.advance(2000);
  tablet = await signInOn(server, PHONE.replace("iPhone;", "iPad;").replace("Mobile/15E148 ", ""));
  bob = await signInOn(server, LAPTOP, { credentials: BOB });
});

/** What each device's access token is told, after its refresh token said the same. */
async function verdicts(): Promise<Record<string, string>> {
  const told: Record<string, string> = {};
  for (const [name, device] of Object.entries(everybody())) {
    told[name] = verdictOf(server, device.access_token);
    const client = name === "laptop" ? "other" : "web";
    const answer = await refresh(server.issuer, device.refresh_token, { client_id: client });
    if (told[name] === "allow") ok(answer);
    else assertRefused(answer, "invalid_grant");
  }
  return told;
}

describe("the list of sessions", () => {
  it("finds them by user, app, type of device, time and whether they go on", async () => {
    assert.deepEqual(sids(await list("user=alice&active=true")), sidsOf(phone, laptop, tablet));
    assert.deepEqual(sids(await list("active=true")), sidsOf(phone, laptop, tablet, bob));
    assert.deepEqual(sids(await list("user=alice&app=other&active=true")), sidsOf(laptop));
    assert.deepEqual(sids(await list("user=alice&deviceType=mobile&active=true")), sidsOf(phone));
    const { createdAt } = body<SessionEntry>(await call(`sessions/${tablet.claims.sid}`));
    const before = encodeURIComponent(createdAt);
    assert.deepEqual(sids(await list(`user=alice&before=${before}&active=true`)), sidsOf(phone, laptop));
    const over = await list("user=alice&active=false");
    assert.ok(over.items.every(({ active }) => !active));
    assert.deepEqual(
      sids(body(await call("users/alice/sessions?active=true"))),
      sidsOf(phone, laptop, tablet),
    );
  });

  it("goes page by page, and counts when it is asked to", async () => {
    const first = await list("user=alice&active=true&limit=2&total=true");
    assert.deepEqual([first.items.length, first.total], [2, 3]);
    const second = await list(`user=alice&active=true&limit=2&cursor=${first.next}`);
    assert.deepEqual([...sids(first), ...sids(second)].toSorted(), sidsOf(phone, laptop, tablet));
    assert.equal(second.next, undefined);
  });

  it("says who, on what, how and for which apps", async () => {
    const { sid, user, device, amr, apps, active, address } = body<SessionEntry>(
      await call(`sessions/${laptop.claims.sid}`),
    );
    assert.deepEqual(
      { sid, user, device, amr, apps, active, address },
      {
        sid: laptop.claims.sid,
        user: { sub: laptop.claims.sub, username: "alice" },
        device: { name: "Firefox on Windows", type: "desktop", browser: "Firefox", os: "Windows" },
        amr: ["pwd"],
        apps: [{ clientId: "other", name: "Other shop" }],
        active: true,
        address: "127.0.0.1",
      },
    );
  });

  it("says of nobody that there is nobody", async () => {
    assertProblem(await call("sessions?user=nobody"), 404, "unknown_subject");
    assertProblem(await call("users/nobody/sessions"), 404, "unknown_subject");
    assertProblem(await call("sessions/Vt8Vt7mGQf2bqfYkq0hZ0A"), 404, "unknown_session");
    assertProblem(await call("sessions?deviceType=toaster"), 400, "invalid_request");
  });

  it("is for whoever has the scope", async () => {
    const read = { scope: "sessions.read" };
    const write = { scope: "sessions.write" };
    assertProblem(await call("sessions", write), 403, "insufficient_scope");
    const path = `sessions/${phone.claims.sid}`;
    assertProblem(await call(path, { ...read, method: "DELETE" }), 403, "insufficient_scope");
    assertProblem(
      await call("users/alice/sessions/end", { ...read, method: "POST", body: { all: true } }),
      403,
      "insufficient_scope",
    );
    assertProblem(await call("policies/default", { ...read, method: "GET" }), 403, "insufficient_scope");
  });
});

describe("a device's name", () => {
  const rename = (sid: string, name: unknown) =>
    call(`sessions/${sid}`, { method: "PATCH", body: { device: { name } } });

  it("is what its owner calls it, until it is taken away", async () => {
    const { sid } = phone.claims;
    assert.equal(body<SessionEntry>(await rename(sid, " Meine Tasche ")).device.name, "Meine Tasche");
    assert.match((await phone.browser.open(`${server.issuer}/account`)).body, /Meine Tasche/);
    assert.equal(body<SessionEntry>(await rename(sid, null)).device.name, "Safari on iPhone");
  });

  it("has a length, and nothing that moves a cursor", async () => {
    for (const name of ["", "  ", "x".repeat(65), "a\u202eb", "a\nb", 7])
      assertProblem(await rename(phone.claims.sid, name), 400, "invalid_request");
    assertProblem(await rename("Vt8Vt7mGQf2bqfYkq0hZ0A", "Mine"), 404, "unknown_session");
  });
});

describe("ending one session", () => {
  it("ends it with all below it, and no other, and says so again", async () => {
    const path = `sessions/${phone.claims.sid}`;
    const options = { method: "DELETE", body: { note: "lost" }, headers: { prefer: "wait=2" } };
    const { changed, receipt } = body<EndedSession>(await call(path, options));
    assert.equal(changed, true);
    assert.deepEqual(await verdicts(), { phone: "kicked", laptop: "allow", tablet: "allow", bob: "allow" });
    const again = body<EndedSession>(await call(path, options));
    assert.deepEqual([again.changed, again.receipt.seq], [false, receipt.seq]);
    assertProblem(
      await call("sessions/Vt8Vt7mGQf2bqfYkq0hZ0A", { method: "DELETE" }),
      404,
      "unknown_session",
    );
  });
});

describe("ending some of a user's sessions", () => {
  const end = (which: object) =>
    call("users/alice/sessions/end", { method: "POST", body: which, headers: { prefer: "wait=2" } });
  const lives = { phone: "allow", laptop: "allow", tablet: "allow", bob: "allow" };

  it("ends all but one", async () => {
    assert.equal(body<EndedSessions>(await end({ others: laptop.claims.sid })).ended, 2);
    assert.deepEqual(await verdicts(), { ...lives, phone: "kicked", tablet: "kicked" });
  });

  it("ends those of a type of device", async () => {
    assert.equal(body<EndedSessions>(await end({ deviceType: "mobile" })).ended, 1);
    assert.deepEqual(await verdicts(), { ...lives, phone: "kicked" });
  });

  it("ends those from before a time", async () => {
    const { authTime } = body<SessionEntry>(await call(`sessions/${tablet.claims.sid}`));
    assert.equal(body<EndedSessions>(await end({ before: authTime })).ended, 2);
    assert.deepEqual(await verdicts(), { ...lives, phone: "kicked", laptop: "kicked" });
  });

  it("says beforehand what it would end, and ends nothing by that", async () => {
    const ask = async (path: string, method: string, which?: object) =>
      json<Record<string, unknown>>(
        await call(`${path}?dryRun=true`, { method, ...(which && { body: which }) }),
      );
    const head = await server.server.storage.log.refresh();
    const some = JSON.stringify(await ask("users/alice/sessions/end", "POST", { others: laptop.claims.sid }));
    assert.match(some, /"users":1,"sessions":2/);
    assert.match(
      JSON.stringify(await ask("users/alice/sessions/end", "POST", { all: true })),
      /"sessions":3/,
    );
    assert.match(JSON.stringify(await ask(`sessions/${phone.claims.sid}`, "DELETE")), /"sessions":1/);
    assert.equal(await server.server.storage.log.refresh(), head);
    assert.deepEqual(await verdicts(), lives);
  });

  it("ends all with one record", async () => {
    const head = await server.server.storage.log.refresh();
    const { ended, receipt } = body<EndedSessions>(await end({ all: true }));
    assert.deepEqual([ended, receipt!.seq], [3, head + 1]);
    assert.deepEqual(await verdicts(), { ...lives, phone: "kicked", laptop: "kicked", tablet: "kicked" });
  });

  it("ends nothing when there is none, and gives no receipt", async () => {
    assert.deepEqual(body(await end({ deviceType: "tv" })), { sub: phone.claims.sub, ended: 0 });
    assert.deepEqual(await verdicts(), lives);
  });

  it("takes exactly one of them, and keeps only a session that is the user's own", async () => {
    for (const which of [{}, { all: true, deviceType: "tv" }, { all: false }, { before: "yesterday" }])
      assertProblem(await end(which), 400, "invalid_request");
    assertProblem(await end({ others: bob.claims.sid }), 404, "unknown_session");
    assert.deepEqual(await verdicts(), lives);
  });
});

/** As many more that were used last when this one was. */
async function copySessions(sid: string, count: number): Promise<void> {
  await server.server.storage.write(async ({ db }) => {
    const row = await db
      .selectFrom("oidc_sessions")
      .selectAll()
      .where("uid", "=", sid)
      .executeTakeFirstOrThrow();
    const rows = Array.from({ length: count }, (_, at) => ({
      ...row,
      uid: `copy-${String(at).padStart(17, "0")}`,
    }));
    for (let at = 0; at < count; at += 400)
      await db
        .insertInto("oidc_sessions")
        .values(rows.slice(at, at + 400))
        .execute();
  });
}

describe("the policy", () => {
  const change = (patch: object, headers = {}) =>
    call("policies/default", { method: "PATCH", body: patch, headers });

  it("is changed by a patch, and by nobody who has not seen it as it is", async () => {
    const read = await call("policies/default");
    const before = body<PolicyEntry>(read);
    assert.deepEqual(before, { name: "default", idleSeconds: 1_209_600, absoluteSeconds: 7_776_000 });
    const seen = { "if-match": read.headers.etag! };
    const changed = await change({ idleSeconds: 3600 }, seen);
    assert.deepEqual(body(changed), { ...before, idleSeconds: 3600 });
    assert.notEqual(changed.headers.etag, read.headers.etag);
    assertProblem(await change({ idleSeconds: 7200 }, seen), 412, "precondition_failed");
    assert.deepEqual(body(await call("policies/default")), { ...before, idleSeconds: 3600 });
    body(await change({ idleSeconds: before.idleSeconds }));
  });

  it("counts at once", async () => {
    server.advance(10 * 60_000);
    body(await change({ idleSeconds: 300 }));
    assert.deepEqual(sids(await list("user=alice&active=true")), []);
    assertRefused(await refresh(server.issuer, phone.refresh_token), "invalid_grant");
    body(await change({ idleSeconds: 1_209_600 }));
  });

  it("ends what is over by a shorter one, with a receipt; and says so beforehand", async () => {
    server.advance(20 * 60_000);
    const fresh = await signInOn(server, LAPTOP);
    const patch = { idleSeconds: 600 };
    const tried = await call("policies/default?dryRun=true", { method: "PATCH", body: patch });
    const { ends } = body<{ ends: BlastRadius }>(tried);
    assert.deepEqual([ends.users, ends.sessions, ends.apps], [2, 4, 2]);
    assert.equal(body<PolicyEntry>(await call("policies/default")).idleSeconds, 1_209_600, "nothing changed");
    const { receipt } = body<PolicyEntry & { receipt?: Receipt }>(await change(patch));
    assert.equal(receipt?.state, "enforced");
    assert.deepEqual(await verdicts(), {
      phone: "revoked",
      laptop: "revoked",
      tablet: "revoked",
      bob: "revoked",
    });
    assert.equal(verdictOf(server, fresh.access_token), "allow");
    ok(await refresh(server.issuer, fresh.refresh_token));
    assert.deepEqual(sids(await list("user=alice&active=true")), sidsOf(fresh));
    assert.equal(body<{ receipt?: Receipt }>(await change({ idleSeconds: 1_209_600 })).receipt, undefined);
    assert.equal(verdictOf(server, phone.access_token), "revoked", "a longer one brings nothing back");
  });

  it("ends what a policy of before had let run out by no record", async () => {
    server.advance(15 * 86_400_000);
    const { receipt } = body<{ receipt?: Receipt }>(await change({ idleSeconds: 600 }));
    assert.equal(receipt, undefined);
    body(await change({ idleSeconds: 1_209_600 }));
  });

  it("makes every app refresh where more sessions end than have a record each", async () => {
    server.advance(20 * 60_000);
    const fresh = await signInOn(server, LAPTOP);
    await copySessions(phone.claims.sid, 1200);
    const tried = await call("policies/default?dryRun=true", { method: "PATCH", body: { idleSeconds: 600 } });
    const { sessions } = body<{ ends: BlastRadius }>(tried).ends;
    assert.equal(sessions, 1204);
    body(await change({ idleSeconds: 600 }));
    assert.deepEqual(new Set(Object.values(await verdicts())), new Set(["claims_changed"]));
    assert.equal(verdictOf(server, fresh.access_token), "claims_changed");
    const { access_token } = ok(await refresh(server.issuer, fresh.refresh_token));
    assert.equal(verdictOf(server, access_token), "allow");
    body(await change({ idleSeconds: 1_209_600 }));
    assert.deepEqual(sids(await list("user=alice&active=true")), sidsOf(fresh));
  });

  it("has times that fit each other", async () => {
    for (const patch of [
      { idleSeconds: 1 },
      { absoluteSeconds: 1e9 },
      { idleSeconds: 9e6 },
      { idleSeconds: null },
      { what: 1 },
    ])
      assertProblem(await change(patch), 400, "invalid_request");
    const { problems } = json<{ problems: { field: string }[] }>(await change({ idleSeconds: 9e6 }));
    assert.deepEqual(
      problems.map(({ field }) => field),
      ["idleSeconds"],
    );
    assertProblem(await call("policies/other"), 404, "unknown_policy");
  });
});
