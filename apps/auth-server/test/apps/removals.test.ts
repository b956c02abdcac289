/** What is taken out of the configuration file ends; what the file cannot do is said. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { hasCode } from "@portcullis/protocol";
import { assertRefused, machineToken, refresh, signIn, token, verdictOf } from "../oidc/app.ts";
import { ALICE, basicOf, RESOURCE, type ServerUnderTest, startServer } from "../oidc/server-under-test.ts";

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

const linesOf = (event: string) =>
  server.log.map((line) => JSON.parse(line)).filter((line) => line.event === event);

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
    assert.deepEqual(linesOf("clients_removed")[0].clients, ["other", "service"]);
    await server.restart();
    assert.equal(linesOf("clients_removed").length, 1, "said once");
  });

  it("is enabled again once it is back, and only for new tokens", async () => {
    await start();
    const old = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    const [service] = takeOut("service");
    await server.restart();
    assertRefused(await askAsService(), "invalid_client", 401);
    file.clients.push(service!);
    await server.restart();
    assert.deepEqual(linesOf("clients_returned")[0].clients, ["service"]);
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
    const lines = linesOf("users_of_file_ignored");
    const of = (users: string) =>
      lines.find((line) => JSON.stringify(line.users) === JSON.stringify([users]));
    assert.match(of("bob")!.text, /no longer in the file.*portcullis users disable/);
    const alice = lines.filter((line) => line.users[0] === "alice").map((line) => line.text);
    assert.ok(
      alice.some((text) => /name, email/.test(text)),
      alice.join(),
    );
    assert.ok(
      alice.some((text) => /password/.test(text)),
      alice.join(),
    );
    await signIn(server);
  });

  it("says nothing while the two agree", async () => {
    await start();
    await server.restart();
    await server.server.people.compared;
    assert.deepEqual(linesOf("users_of_file_ignored"), []);
  });
});
