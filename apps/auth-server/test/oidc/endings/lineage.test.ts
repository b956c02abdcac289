import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, describe, it } from "node:test";
import { type Scope, systemClock } from "@portcullis/protocol";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { lineageIn } from "../../../src/oidc/endings/lineage.ts";
import type { WriteTransaction } from "../../../src/storage/write-transaction.ts";
import {
  begin,
  type Claims,
  isEnd,
  ok,
  refresh,
  revokeByApi,
  type SignedIn,
  signIn,
  verdictOf,
} from "../app.ts";
import { ALICE, BOB, type ServerUnderTest, startServer } from "../server-under-test.ts";
import { seedGrants } from "./seed-grants.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

interface Cast {
  readonly phone: SignedIn;
  readonly laptop: SignedIn;
  /** The other app, on the laptop. */
  readonly other: SignedIn;
  readonly bob: SignedIn;
}
type Member = keyof Cast;

async function everybody(): Promise<Cast> {
  const phone = await signIn(server);
  const laptop = await signIn(server);
  const other = await signIn(server, { browser: laptop.browser, parameters: { client_id: "other" } });
  const bob = await signIn(server, { credentials: BOB });
  // A code that nobody has redeemed yet hangs below each session, too.
  for (const { browser } of [phone, laptop, bob]) await browser.open(begin(server.issuer).url, isEnd);
  return { phone, laptop, other, bob };
}

/** Who still has a session, a grant, and anything that could be turned into a token. */
async function alive(cast: Cast): Promise<Record<"sessions" | "grants" | "artefacts", Member[]>> {
  const { read } = server.server.storage;
  const { sessions, grants } = server.server.oidc;
  const left = { sessions: [] as Member[], grants: [] as Member[], artefacts: [] as Member[] };
  for (const [member, { claims }] of Object.entries(cast) as [Member, SignedIn][]) {
    if (await sessions.findLive(claims.sid)) left.sessions.push(member);
    if (await grants.find(claims.gid)) left.grants.push(member);
    const rows = await read
      .selectFrom("oidc_artefacts")
      .select("model")
      .where("grant_id", "=", claims.gid)
      .execute();
    if (rows.length > 0) left.artefacts.push(member);
  }
  return left;
}

interface Case {
  readonly scope: Scope;
  readonly key: (claims: Claims) => unknown;
  readonly sessions: readonly Member[];
  readonly grants: readonly Member[];
}

const ALL: readonly Member[] = ["phone", "laptop", "other", "bob"];

/** Revoked on the laptop's web app. */
const CASES: readonly Case[] = [
  { scope: "token", key: ({ jti }) => jti, sessions: ALL, grants: ALL },
  { scope: "grant", key: ({ gid }) => gid, sessions: ALL, grants: ["phone", "other", "bob"] },
  { scope: "session", key: ({ sid }) => sid, sessions: ["phone", "bob"], grants: ["phone", "bob"] },
  { scope: "subject", key: ({ sub }) => sub, sessions: ["bob"], grants: ["bob"] },
  { scope: "client", key: ({ client_id }) => client_id, sessions: ALL, grants: ["other"] },
  {
    scope: "subject-client",
    key: ({ sub, client_id }) => ({ subject: sub, client: client_id }),
    sessions: ALL,
    grants: ["other", "bob"],
  },
  { scope: "audience", key: ({ aud }) => aud, sessions: ALL, grants: ALL },
  {
    scope: "subject-audience",
    key: ({ sub, aud }) => ({ subject: sub, audience: aud }),
    sessions: ALL,
    grants: ALL,
  },
  { scope: "issuer", key: () => undefined, sessions: [], grants: [] },
];

describe("a kill", () => {
  for (const { scope, key, sessions, grants } of CASES) {
    it(`of scope ${scope} ends what hangs below it, and nothing else`, async () => {
      const cast = await everybody();
      const answer = await revokeByApi(server, { scope, key: key(cast.laptop.claims), mode: "kill" });
      assert.equal(answer.status, 200, answer.body);
      assert.deepEqual(await alive(cast), { sessions, grants, artefacts: grants });
    });
  }
});

describe("a kill of a user's access to one API", () => {
  it("ends that user's tokens for it, and no other; a refresh goes on", async () => {
    const { phone, laptop, other, bob } = await everybody();
    const { sub: subject, aud: audience } = phone.claims;
    const verdicts = (...tokens: { readonly access_token: string }[]) =>
      tokens.map(({ access_token }) => verdictOf(server, access_token));
    const kill = (name: string) =>
      revokeByApi(server, { scope: "subject-audience", key: { subject, audience: name }, mode: "kill" });
    assert.equal((await kill(`${server.issuer}/api`)).status, 200);
    assert.deepEqual(verdicts(phone, laptop, other, bob), ["allow", "allow", "allow", "allow"]);
    assert.equal((await kill(audience as string)).status, 200);
    assert.deepEqual(verdicts(phone, laptop, other, bob), ["revoked", "revoked", "revoked", "allow"]);
    const next = ok(await refresh(server.issuer, phone.refresh_token));
    assert.equal(verdictOf(server, next.access_token), "allow");
  });
});

describe("a sign-in that was begun before a kill of its user", () => {
  it("is not completed after it", async () => {
    const { claims } = await signIn(server);
    const browser = new PlainBrowser();
    const page = await browser.open(begin(server.issuer).url, isEnd);
    const beforeReturn = (url: URL) => url.pathname.startsWith("/authorize/");
    const parked = await browser.submit(page, page.forms[0]!, { fill: ALICE, isEnd: beforeReturn });
    assert.ok(beforeReturn(parked.url));
    await revokeByApi(server, { scope: "subject", key: claims.sub, mode: "kill" });
    const answer = await browser.open(parked.url, isEnd);
    assert.deepEqual({ status: answer.status, forms: answer.forms }, { status: 400, forms: [] });
  });
});

describe("what ends with a great many rows", () => {
  const GRANTS = 1200;

  /** Where a statement holds up the process, the unit goes on from step to step. */
  function countingTurns() {
    let turns = 0;
    const counting = (transaction: WriteTransaction) => ({
      ...transaction,
      nextStep: () => transaction.nextStep().then(() => void turns++),
    });
    const assertSteps = (least: number) => {
      if (server.server.storage.dialect === "sqlite") assert.ok(turns >= least, `${turns} turns`);
    };
    return { counting, assertSteps };
  }

  const rowsOfOthers = async (clientId: string): Promise<number[]> => {
    const { read } = server.server.storage;
    const tables = ["oidc_grants", "oidc_artefacts", "oidc_ended_grants"] as const;
    const rows = tables.map((table) =>
      read.selectFrom(table).select("client_id").where("client_id", "!=", clientId).execute(),
    );
    return (await Promise.all(rows)).map(({ length }) => length);
  };

  it("ends with its user in steps between which others have their turn, and nothing else ends", async () => {
    const { storage } = server.server;
    await seedGrants(storage, { clientId: "many", grants: GRANTS, accountId: "robot" });
    const untouched = await rowsOfOthers("many");
    const { counting, assertSteps } = countingTurns();
    await storage.write((transaction) => lineageIn(counting(transaction), systemClock).endSubject("robot"));
    const left = storage.read.selectFrom("oidc_grants").select("id").where("account_id", "=", "robot");
    assert.deepEqual(await left.execute(), []);
    const ended = storage.read
      .selectFrom("oidc_sessions")
      .select("uid")
      .where("account_id", "=", "robot")
      .where("ended_at", "is not", null);
    assert.equal((await ended.execute()).length, GRANTS);
    assertSteps(5);
    assert.deepEqual(await rowsOfOthers("many"), untouched);
  });
});

describe("a revocation of mode stale", () => {
  it("ends nothing, whatever its scope", async () => {
    const cast = await everybody();
    for (const { scope, key } of CASES) {
      const answer = await revokeByApi(server, { scope, key: key(cast.laptop.claims), mode: "stale" });
      assert.equal(answer.status, 200, answer.body);
    }
    assert.deepEqual(await alive(cast), { sessions: ALL, grants: ALL, artefacts: ALL });
  });
});

describe("what is pruned", () => {
  it("is what has expired, and nothing that lives", async () => {
    const cast = await everybody();
    const { storage } = server.server;
    await server.prune();
    assert.deepEqual((await alive(cast)).grants, ALL);
    await storage.write(async ({ db }) => {
      for (let at = 0; at < 1000; at++) {
        const row = { id_hash: randomBytes(32), model: "Interaction", payload: "{}", expires_at: 1 };
        const nobody = { grant_id: null, session_uid: null, account_id: null, client_id: null };
        await db
          .insertInto("oidc_artefacts")
          .values({ ...row, ...nobody, consumed_at: null })
          .execute();
      }
    });
    server.advance(30 * 24 * 60 * 60 * 1000);
    await server.prune();
    for (const table of ["oidc_artefacts", "oidc_sessions", "oidc_grants", "oidc_session_ids"] as const) {
      assert.deepEqual(await storage.read.selectFrom(table).selectAll().execute(), [], table);
    }
  });
});
