/** What the configuration file makes at the first start, and what it can no longer change then. */
import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { machineToken, refresh, signIn, token, verdictOf } from "../oidc/app.ts";
import {
  basicOf,
  OTHER_RESOURCE,
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../oidc/server-under-test.ts";

interface Document {
  clients: { clientId: string; name: string; clientSecret?: string; resources: Record<string, string[]> }[];
  resources: { identifier: string; name: string; scopes: Record<string, string> }[];
  users: { username: string; password: string; name: string }[];
}

let server: ServerUnderTest;
let file: Document;
async function start(): Promise<void> {
  server = await startServer({
    change: (configuration) => {
      file = configuration as unknown as Document;
    },
  });
}
afterEach(() => server.stop());

const askAs = (client: string) =>
  token(
    server.issuer,
    { grant_type: "client_credentials", resource: RESOURCE, scope: "orders.read" },
    { authorization: basicOf(client) },
  );

/** SQLite is for one server: on-postgres runs this again. */
const ONE_SERVER = process.env.PORTCULLIS_TEST_POSTGRES === undefined;

describe("apps and APIs of the configuration file", () => {
  it("are made once, and the log says so by name", async () => {
    await start();
    await server.restart();
    assert.deepEqual(
      server.logged("seeded").map(({ apps, apis, users }) => apps ?? apis ?? users),
      [
        [RESOURCE, OTHER_RESOURCE],
        ["web", "other", "service", "orders", "billing", "admin", "auditor"],
        ["alice", "bob"],
      ],
    );
    assert.deepEqual(server.logged("file_differs"), []);
  });

  it("go on when they have left the file, with all that they hold", async () => {
    await start();
    const machine = await machineToken(server.issuer, "service", RESOURCE, "orders.read");
    const device = await signIn(server, { parameters: { client_id: "other" } });
    file.clients = [];
    file.resources = [];
    await server.restart();
    assert.equal(verdictOf(server, machine), "allow");
    assert.equal(verdictOf(server, device.access_token), "allow");
    assert.equal((await askAs("service")).status, 200);
    const next = await refresh(server.issuer, device.refresh_token, { client_id: "other" });
    assert.equal(next.status, 200, next.body);
  });

  it("stay as they are stored when the file says another, with one warning that names the fields", async () => {
    await start();
    const [service] = file.clients.filter(({ clientId }) => clientId === "service");
    const secret = service!.clientSecret;
    Object.assign(service!, { name: "Another name", clientSecret: `${secret}-of-later`, resources: {} });
    Object.assign(file.resources[0]!, { name: "Purchases", scopes: { "orders.read": "Look" } });
    file.clients = [service!];
    await server.restart();
    assert.equal((await askAs("service")).status, 200, "the secret of before");
    const lines = server.logged("file_differs").map(({ app, api, fields }) => [app ?? api, fields]);
    assert.deepEqual(lines, [
      [RESOURCE, ["name", "scopes"]],
      ["service", ["name", "resources", "clientSecret"]],
    ]);
  });

  it("are added to when the file has new ones", async () => {
    await start();
    file.clients.push({ ...file.clients.find(({ clientId }) => clientId === "web")!, clientId: "newcomer" });
    await server.restart();
    assert.deepEqual(server.logged("seeded").at(-1)?.apps, ["newcomer"]);
    assert.equal(
      (await signIn(server, { parameters: { client_id: "newcomer" } })).claims.client_id,
      "newcomer",
    );
  });

  it("stay disabled when they were disabled by hand", async () => {
    await start();
    const { oidc, storage } = server.server;
    await storage.write((transaction) => oidc.clients.disable(transaction, "service"));
    await server.restart();
    assert.equal((await askAs("service")).status, 401);
  });

  it("do not come back when they were deleted", async () => {
    await start();
    const { oidc, storage, apis } = server.server;
    await storage.write(async (transaction) => {
      await oidc.clients.delete(transaction, await oidc.clients.lock(transaction, "service"), "somebody");
      await apis.delete(transaction, await apis.lock(transaction, OTHER_RESOURCE), "somebody");
    });
    await server.restart();
    assert.equal((await askAs("service")).status, 401);
    assert.equal(server.logged("seeded").length, 3);
    assert.equal(await server.server.apis.find(OTHER_RESOURCE), undefined);
  });

  it("are made once by two servers that start at the same time", { skip: ONE_SERVER }, async () => {
    await start();
    file.clients.push({
      ...file.clients.find(({ clientId }) => clientId === "service")!,
      clientId: "twin",
      clientSecret: "twin-secret-0123456789abcdef",
    });
    await Promise.all([server.startAnother(), server.startAnother()]);
    assert.deepEqual(server.logged("seeded").filter(({ apps }) => String(apps).includes("twin")).length, 1);
    assert.equal((await askAs("twin")).status, 200);
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
