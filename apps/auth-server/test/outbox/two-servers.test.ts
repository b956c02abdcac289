/** Two servers on one PostgreSQL database share what is to be told, and tell it once. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { after, before, test } from "node:test";
import { until } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import { revokeByApi, signIn } from "../oidc/app.ts";
import { type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";
import { type RelyingParty, startRelyingParty } from "./relying-party.ts";

const SESSIONS = 60;
let postgres: Awaited<ReturnType<typeof startPostgres>>;
let server: ServerUnderTest;
let other: string;
let party: RelyingParty;

before(async () => {
  postgres = await startPostgres({ fsync: false });
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  party = await startRelyingParty({
    issuer: () => server.issuer,
    clientOf: () => "web",
    nowMs: () => server.nowMs(),
  });
  server = await startServer({
    change(document) {
      const privateTargets = [new URL(party.origin).host];
      Object.assign(document, { database, outgoing: { privateTargets } });
      const app = document.clients.find(({ clientId }) => clientId === "web")!;
      Object.assign(app, { firstParty: true, backchannelLogoutUri: `${party.origin}/web` });
    },
  });
  other = await server.startAnother();
});
after(async () => {
  await server.stop();
  await party.stop();
  await postgres.stop();
});

test("both deliver at the same time, and each session is told once", async () => {
  const held: ServerResponse[] = [];
  party.answer("/web", (response) => void held.push(response));
  const { claims } = await signIn(server);
  const sids = await copySession(claims);
  const ended = await revokeByApi(server, { scope: "subject", key: claims.sub });
  assert.ok([200, 202].includes(ended.status), ended.body);
  // Four at a time are told by one server.
  await until(() => held.length === 8, { what: "tries of both servers" });
  party.answer("/web", (response) => response.writeHead(200).end());
  for (const response of held) response.writeHead(200).end();
  for (const at of [server.server, server.serverAt(other)]) await at.outbox.deliverDue();
  await until(() => party.received.length >= sids.length, { what: "all of them" });
  for (const at of [server.server, server.serverAt(other)]) await at.outbox.deliverDue();
  assert.deepEqual(party.received.map(({ token }) => token.sid).toSorted(), sids.toSorted());
  const rows = await server.server.storage.read.selectFrom("outbox").select(["state", "attempts"]).execute();
  assert.deepEqual(
    rows.filter(({ state, attempts }) => state !== "delivered" || Number(attempts) !== 1),
    [],
  );
});

/** Sessions of the same user, each with a grant of the same app; gives the `sid` of all. */
const copySession = ({ sid, gid }: { readonly sid: string; readonly gid: string }) =>
  server.server.storage.write(async ({ db }) => {
    const sessions = db.selectFrom("oidc_sessions").selectAll().where("uid", "=", sid);
    const session = await sessions.executeTakeFirstOrThrow();
    const grants = db.selectFrom("oidc_grants").selectAll().where("id", "=", gid);
    const grant = await grants.executeTakeFirstOrThrow();
    const uids = Array.from({ length: SESSIONS - 1 }, (_, at) => `copy-${at}`.padEnd(22, "x"));
    await db
      .insertInto("oidc_sessions")
      .values(uids.map((uid) => ({ ...session, uid })))
      .execute();
    await db
      .insertInto("oidc_grants")
      .values(uids.map((uid) => ({ ...grant, id: uid, session_uid: uid })))
      .execute();
    return [sid, ...uids];
  });
