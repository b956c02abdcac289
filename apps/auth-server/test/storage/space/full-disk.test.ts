/** SQLite on a disk that is full to the last byte, which is a small one and not a broken table. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { exchange, json, until } from "@portcullis/testing/end-to-end";
import {
  assertRefused,
  begin,
  form,
  machineToken,
  refresh,
  type SignedIn,
  signIn,
  verdictOf,
} from "../../oidc/app.ts";
import { REDIRECT_URI, type ServerUnderTest, startServer } from "../../oidc/server-under-test.ts";
import { type SmallDisk, smallDisk } from "./small-disk.ts";

interface World {
  readonly disk: SmallDisk;
  readonly server: ServerUnderTest;
  readonly user: SignedIn;
  /** May revoke; was fetched while there was space. */
  readonly authorization: string;
}

async function worldOn(t: TestContext, mebibytes: number): Promise<World | undefined> {
  const disk = smallDisk(t, mebibytes);
  if (disk === undefined) return undefined;
  const server = await startServer({
    change: (document) =>
      Object.assign(document, { dataDirectory: join(disk.path, "data"), diskSpace: { reserveMiB: 4 } }),
  });
  t.after(async () => {
    disk.free();
    await server.stop();
    disk.remove();
  });
  const user = await signIn(server);
  const token = await machineToken(server.issuer, "admin", `${server.issuer}/api`, "revocations.write");
  return { disk, server, user, authorization: `Bearer ${token}` };
}

/** Of whom nothing needs to be known here. */
const FOREIGN = { foreign: true };

const revokeSubject = ({ server, authorization }: World, key: string, more: object = {}) =>
  exchange(`${server.issuer}/revocations`, {
    method: "POST",
    body: JSON.stringify({ scope: "subject", key, reason: "kicked", ...more }),
    headers: { authorization, "content-type": "application/json", prefer: "wait=2" },
  });

interface Readiness {
  readonly reason?: string;
  readonly space?: string;
}

const ready = async ({ server }: World) => {
  const answer = await exchange(`${server.issuer}/health/ready`);
  const { reason, space } = json<Readiness>(answer);
  return { status: answer.status, reason, space };
};

const push = ({ issuer }: ServerUnderTest, state = "some-state") =>
  exchange(`${issuer}/par`, {
    body: form({
      client_id: "web",
      response_type: "code",
      redirect_uri: REDIRECT_URI,
      state,
      code_challenge: "a".repeat(43),
      code_challenge_method: "S256",
    }),
  });

async function signOut({ server: { issuer } }: World, { browser }: SignedIn): Promise<number> {
  const page = await browser.open(new URL("/logout", issuer), () => false);
  const [all] = page.forms;
  return (await browser.submit(page, all!, { fill: {}, isEnd: () => false })).status;
}

test("on a full disk revoking goes on, strangers are refused, and with space everything is back", async (t) => {
  const world = await worldOn(t, 40);
  if (world === undefined) return;
  const { disk, server, user } = world;
  const kicked = await signIn(server, {
    credentials: { username: "bob", password: "another horse battery staple" },
  });
  disk.fill();

  const revoked = await revokeSubject(world, kicked.claims.sub);
  assert.equal(revoked.status, 200, revoked.body);
  assert.equal(verdictOf(server, kicked.access_token), "kicked");
  assert.equal((await ready(world)).status, 200, "revocations can be stored");
  await server.server.prune();

  assert.equal((await push(server)).status, 503);
  const begun = await exchange(begin(server.issuer).url.href);
  assert.equal(begun.status, 503);
  assertRefused(await refresh(server.issuer, user.refresh_token), "temporarily_unavailable", 503);
  assert.equal(server.logged("storage_reserve_used")[0]?.level, "error");

  assert.ok(
    !server.log.some((line) => line.includes("storage_full")),
    "no line with a stack for each of them",
  );

  assert.equal(await signOut(world, user), 200);
  assert.equal(verdictOf(server, user.access_token), "logged_out");

  disk.free();
  await until(async () => (await push(server)).status === 201, { what: "space was noticed" });
  await signIn(server);
  assert.equal((await ready(world)).status, 200);
  assert.equal(server.logged("storage_reserve_restored")[0]?.level, "info");
});

test("when the reserve is used up, too, nothing is acknowledged and the server is not ready, until there is space", async (t) => {
  const world = await worldOn(t, 40);
  if (world === undefined) return;
  const { disk, server, user } = world;
  disk.fill();
  assert.equal((await revokeSubject(world, "0".repeat(22), FOREIGN)).status, 200);
  assert.equal((await ready(world)).space, "reserve");
  // What is left of the reserve goes to somebody else; then the journal grows into what was there before.
  disk.fill();
  let refused = await revokeSubject(world, "0".repeat(22), FOREIGN);
  for (let count = 0; refused.status === 200 && count < 3000; count++) {
    refused = await revokeSubject(world, String(count).padStart(22, "0"), FOREIGN);
  }
  assertRefused(refused, "temporarily_unavailable", 503);
  await until(async () => (await ready(world)).status === 503, { what: "not ready" });
  assert.equal((await ready(world)).reason, "storage_full");
  assert.equal(verdictOf(server, user.access_token), "allow");

  disk.free();
  await until(async () => (await ready(world)).status === 200, { what: "ready again" });
  assert.equal((await revokeSubject(world, user.claims.sub)).status, 200);
  assert.equal(verdictOf(server, user.access_token), "kicked");
});

test("a server that is started on a full disk starts, and revokes", async (t) => {
  const world = await worldOn(t, 40);
  if (world === undefined) return;
  await until(async () => existsSync(join(world.disk.path, "data", "auth-server.sqlite.reserve")), {
    what: "the reserve",
  });
  world.disk.fill();
  await world.server.restart();
  assert.equal((await revokeSubject(world, world.user.claims.sub)).status, 200);
  assert.equal(verdictOf(world.server, world.user.access_token), "kicked");
});
