/** What is taken out of the configuration file ends; what the file cannot do is said. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { hasCode } from "@portcullis/protocol";
import {
  assertRefused,
  begin,
  isEnd,
  machineToken,
  ok,
  refresh,
  type SignedIn,
  signIn,
  token,
  verdictOf,
} from "../oidc/app.ts";
import {
  ALICE,
  BOB,
  basicOf,
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../oidc/server-under-test.ts";

interface Document {
  clients: { clientId: string }[];
  users: { username: string; password: string; name: string }[];
}

let server: ServerUnderTest;
let file: Document;
async function start(): Promise<void> {
  server = await startServer({
    change: (configuration) => {
      file = configuration;
    },
  });
}
afterEach(() => server.stop());

function takeOut(...clientIds: string[]): Document["clients"] {
  const out = file.clients.filter(({ clientId }) => clientIds.includes(clientId));
  file.clients = file.clients.filter(({ clientId }) => !clientIds.includes(clientId));
  return out;
}

const askAsService = () =>
  token(
    server.issuer,
    { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
    { authorization: basicOf("service") },
  );

describe("a client that was taken out of the configuration file", () => {
  it("is disabled at the next start, by name, and its tokens and grants end", async () => {
    await start();
    const { issuer } = server;
    const machine = await machineToken(issuer, "service", RESOURCE, "orders.read");
    const device = await signIn(server, { parameters: { client_id: "other" } });
    const bystander = await signIn(server);
    takeOut("service", "other");
    await server.restart();
    for (const dead of [machine, device.access_token])
      assert.equal(verdictOf(server, dead), "client_disabled");
    assert.equal(verdictOf(server, bystander.access_token), "allow");
    assertRefused(await refresh(issuer, device.refresh_token, { client_id: "other" }), "invalid_client", 401);
    const [removed] = server.logged("clients_removed");
    assert.deepEqual([removed?.level, removed?.clients], ["warn", ["other", "service"]]);
    await server.restart();
    assert.equal(server.logged("clients_removed").length, 1, "said once");
  });

  it("is enabled again once it is back, and only for new tokens", async () => {
    await start();
    const old = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    const [service] = takeOut("service");
    await server.restart();
    assertRefused(await askAsService(), "invalid_client", 401);
    file.clients.push(service!);
    await server.restart();
    const [returned] = server.logged("clients_returned");
    assert.deepEqual([returned?.level, returned?.clients], ["info", ["service"]]);
    assert.equal((await askAsService()).status, 200);
    assert.equal(verdictOf(server, old), "client_disabled");
  });

  it("stays disabled when it was disabled by hand, too", async () => {
    await start();
    const { oidc, storage } = server.server;
    await storage.write((transaction) => oidc.clients.disable(transaction, "service"));
    const [service] = takeOut("service");
    await server.restart();
    file.clients.push(service!);
    await server.restart();
    assertRefused(await askAsService(), "invalid_client", 401);
  });
});

describe("a client that is first-party no more", () => {
  const OTHER = { client_id: "other" };
  const WIDE = { ...OTHER, scope: "openid orders.read orders.write" };
  const say = (firstParty: boolean) =>
    Object.assign(file.clients.find(({ clientId }) => clientId === "other")!, { firstParty });
  async function startWithOwn(): Promise<void> {
    await start();
    say(true);
    await server.restart();
  }

  it("loses what it was given without asking, and keeps what its users allowed", async () => {
    await startWithOwn();
    const { issuer } = server;
    const unasked = await signIn(server, { parameters: OTHER, credentials: BOB });
    const allowed = await signIn(server, { parameters: { ...OTHER, prompt: "consent" } });
    const widened = await signIn(server, { parameters: WIDE });
    say(false);
    await server.restart();
    for (const { access_token, refresh_token } of [unasked, widened]) {
      assert.equal(verdictOf(server, access_token), "consent_withdrawn");
      assertRefused(await refresh(issuer, refresh_token, OTHER), "invalid_grant");
    }
    assert.equal(verdictOf(server, allowed.access_token), "allow");
    ok(await refresh(issuer, allowed.refresh_token, OTHER));
    const asks = async ({ browser }: SignedIn, parameters: Record<string, string>) =>
      !isEnd((await browser.open(begin(issuer, parameters).url, isEnd)).url);
    assert.equal(await asks(unasked, OTHER), true);
    assert.equal(await asks(widened, OTHER), false, "what was allowed is remembered");
    assert.equal(await asks(widened, WIDE), true);
  });

  it("is said once, by name, and each user's part has its line in the log", async () => {
    await startWithOwn();
    await signIn(server, { parameters: OTHER, credentials: BOB });
    await signIn(server, { parameters: OTHER, credentials: BOB });
    const head = server.server.storage.log.head();
    say(false);
    await server.restart();
    const [line] = server.logged("clients_not_first_party");
    assert.deepEqual([line?.level, line?.clients, line?.names], ["warn", ["other"], ["Other shop"]]);
    assert.equal(server.server.storage.log.head(), head + 1);
    await server.restart();
    assert.equal(server.logged("clients_not_first_party").length, 1);
    assert.equal(server.server.storage.log.head(), head + 1);
  });

  it("loses all with one line in the log when too many did not allow it", async () => {
    await startWithOwn();
    const { access_token, claims } = await signIn(server, { parameters: { ...OTHER, prompt: "consent" } });
    const { storage } = server.server;
    const of = (at: number) => String(at).padStart(22, "u");
    await storage.write(async ({ db }) => {
      const rows = Array.from({ length: 201 }, (_, at) => ({
        id: of(at),
        session_uid: claims.sid,
        account_id: of(at),
        client_id: "other",
        payload: "{}",
        created_at: 1,
      }));
      // One a session and client.
      const sessions = rows.map(({ id, account_id }) => ({
        uid: id,
        account_id,
        payload: "{}",
        created_at: 1,
        last_seen_at: 1,
        expires_at: 9_000_000_000,
      }));
      await db.insertInto("oidc_sessions").values(sessions).execute();
      await db
        .insertInto("oidc_grants")
        .values(rows.map((row) => ({ ...row, session_uid: row.id })))
        .execute();
    });
    const head = storage.log.head();
    say(false);
    await server.restart();
    assert.equal(server.server.storage.log.head(), head + 1);
    const left = server.server.storage.read.selectFrom("oidc_grants").select("id");
    assert.deepEqual(await left.where("client_id", "=", "other").execute(), []);
    assert.equal(verdictOf(server, access_token), "consent_withdrawn");
  });
});

describe("a file that would remove more than half of the clients", () => {
  it("is refused, with their names and with nothing changed, until that is accepted", async () => {
    await start();
    const machine = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    const out = takeOut("web", "other", "service", "billing");
    file.users.push({ ...ALICE, username: "dora", name: "Dora" });
    await assert.rejects(server.restart(), (error) => {
      assert.ok(hasCode(error, "removals_not_accepted"));
      for (const { clientId } of out) assert.match(error.message, new RegExp(clientId));
      assert.match(error.message, /--accept-removals/);
      return true;
    });
    file.clients.push(...out);
    await server.startAgain();
    assert.equal((await askAsService()).status, 200);
    assert.equal(verdictOf(server, machine), "allow");
    takeOut("web", "other", "service", "billing");
    await server.restart({ acceptRemovals: true });
    assert.equal(verdictOf(server, machine), "client_disabled");
  });

  it("is refused when it would remove all", async () => {
    await start();
    const out = file.clients;
    file.clients = [];
    await assert.rejects(server.restart(), { code: "removals_not_accepted" });
    file.clients = out;
    await server.startAgain();
  });
});

describe("what the file says of a user who is there already", () => {
  it("changes nothing, and is said by name with what to do", async () => {
    await start();
    file.users = [{ username: "alice", name: "Another Name", password: "another password" }];
    await server.restart();
    await server.server.people.compared;
    const lines = server.logged("users_of_file_ignored");
    const textsOf = (user: string) =>
      lines.filter(({ users }) => String(users) === user).map(({ text }) => String(text));
    const [bob] = textsOf("bob");
    assert.match(bob!, /no longer in the file.*portcullis users disable/);
    const [fields, password] = textsOf("alice");
    assert.match(fields!, /^name, email: /);
    assert.match(password!, /^password: /);
    assert.ok(lines.every(({ level }) => level === "warn"));
    await signIn(server);
  });

  it("says nothing while the two agree", async () => {
    await start();
    await server.restart();
    await server.server.people.compared;
    assert.deepEqual(server.logged("users_of_file_ignored"), []);
  });
});
