/** A server that is killed, between the commit of an ending and what it is to tell: the next one tells it. */
import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { exchange } from "@portcullis/testing/end-to-end";
import { freePort } from "@portcullis/testing/ports";
import { machineToken, signIn } from "../oidc/app.ts";
import { ALICE, basicOf, REDIRECT_URI, RESOURCE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import { type RelyingParty, startRelyingParty } from "./relying-party.ts";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));
let directory: string;
let issuer: string;
let party: RelyingParty;
let running: ChildProcess;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "portcullis-outbox-"));
  const port = await freePort();
  issuer = `http://127.0.0.1:${port}`;
  party = await startRelyingParty({ issuer: () => issuer, clientOf: () => "web" });
  await writeFile(join(directory, "config.json"), JSON.stringify(configurationFor(port)));
});
after(async () => {
  running.kill("SIGKILL");
  await party.stop();
  await rm(directory, { recursive: true });
});

const secretOf = (client: string): string =>
  Buffer.from(basicOf(client).split(" ")[1]!, "base64").toString().split(":")[1]!;

const configurationFor = (port: number) => ({
  issuer,
  listen: { host: "127.0.0.1", port },
  management: { port: 0 },
  dataDirectory: join(directory, "data"),
  outgoing: { privateTargets: [new URL(party.origin).host] },
  resources: [{ identifier: RESOURCE, name: "Orders", scopes: { "orders.read": "Read your orders" } }],
  users: [{ ...ALICE, name: "Alice" }],
  clients: [
    {
      clientId: "web",
      name: "Demo shop",
      firstParty: true,
      redirectUris: [REDIRECT_URI],
      grantTypes: ["authorization_code", "refresh_token"],
      resources: { [RESOURCE]: ["orders.read"] },
      backchannelLogoutUri: `${party.origin}/web`,
    },
    {
      clientId: "admin",
      name: "admin",
      clientSecret: secretOf("admin"),
      grantTypes: ["client_credentials"],
      resources: { [`${issuer}/api`]: ["revocations.write"] },
    },
  ],
});

async function start(): Promise<void> {
  const args = ["--config", join(directory, "config.json")];
  running = fork(MAIN, args, { execArgv: ["--conditions=@portcullis/source"], silent: true });
  running.stderr!.resume();
  running.stdout!.resume();
  await once(running, "message");
}

test("what was committed is told, and what was being told is told again, with another token", async () => {
  await start();
  const { promise: asked, resolve: isAsked } = Promise.withResolvers<ServerResponse>();
  party.answer("/web", isAsked);
  const parameters = { scope: "openid orders.read" };
  const begun = await signIn({ issuer } as ServerUnderTest, { parameters });
  const committed = await signIn({ issuer } as ServerUnderTest, { parameters });
  const token = await machineToken(issuer, "admin", `${issuer}/api`, "revocations.write");
  const end = (key: string) =>
    exchange(`${issuer}/revocations`, {
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ scope: "session", key }),
    });
  assert.equal((await end(begun.claims.sid)).status, 200);
  await asked;
  assert.equal((await end(committed.claims.sid)).status, 200);
  running.kill("SIGKILL");
  await once(running, "exit");
  party.answer("/web", (response) => response.writeHead(200).end());
  await start();
  const [first, second] = await party.tokens("/web", begun.claims.sid, 2);
  assert.notEqual(first!.jti, second!.jti);
  const told = await party.tokens("/web", committed.claims.sid);
  assert.equal(told.at(-1)!.sub, committed.claims.sub);
  assert.deepEqual(party.refused, []);
});
