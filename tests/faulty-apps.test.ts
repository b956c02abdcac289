/** Apps that are told of a logout by the real process, and behave badly: each is cut off by itself, and none delays another. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import type { Delivery } from "@portcullis/protocol";
import { exchange, json, startProcess, until } from "@portcullis/testing/end-to-end";
import { freePort } from "@portcullis/testing/ports";
import { machineToken, type SignedIn, signIn } from "../apps/auth-server/test/oidc/app.ts";
import {
  ALICE,
  basicOf,
  REDIRECT_URI,
  RESOURCE,
  type ServerUnderTest,
} from "../apps/auth-server/test/oidc/server-under-test.ts";
import { type RelyingParty, startRelyingParty } from "../apps/auth-server/test/outbox/relying-party.ts";
import { CERTIFICATE, CERTIFICATE_KEY } from "../apps/gateway/test/support/localhost-certificate.ts";

const MAIN = fileURLToPath(new URL("../apps/auth-server/src/main.ts", import.meta.url));
/** Each has these 5 s for a try (send-logout-token.ts), on a machine that may be slow itself. */
const PATIENCE = { withinMs: 60_000 };
/** What may have been on its way when the server had seen enough: buffers of both systems. */
const MAX_BYTES_TAKEN = 64 * 2 ** 20;

interface Cut {
  /** Connections that were asked and are not cut off yet. */
  open: number;
  cut: number;
  bytes: number;
}

/** What each does with a logout token. */
const FAULTS: Readonly<Record<string, (response: ServerResponse, cut: Cut) => void>> = {
  hanging: () => undefined,
  trickling(response) {
    response.writeHead(200);
    const timer = setInterval(() => response.write("x"), 1000);
    response.once("close", () => clearInterval(timer));
  },
  endless(response, cut) {
    response.writeHead(200);
    const chunk = Buffer.alloc(64 * 1024);
    const pour = () => {
      while (!response.destroyed) {
        cut.bytes += chunk.length;
        if (!response.write(chunk)) return;
      }
    };
    response.on("drain", pour);
    pour();
  },
  resetting: (response) => response.socket!.resetAndDestroy(),
};
const UNTRUSTED = "untrusted";

/** Why each try has failed, as operators read it. */
const REASONS: Readonly<Record<string, string>> = {
  hanging: "target_timed_out",
  trickling: "target_timed_out",
  endless: "answer_too_large",
  resetting: "target_unreachable",
  [UNTRUSTED]: "target_unreachable",
};

const cuts = new Map<string, Cut>(Object.keys(FAULTS).map((name) => [name, { open: 0, cut: 0, bytes: 0 }]));
let directory: string;
let issuer: string;
let management: string;
let good: RelyingParty;
let faulty: Server;
let untrusted: Server;
let untrustedWasAsked = false;
let server: ReturnType<typeof startProcess>;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "portcullis-faulty-apps-"));
  const [port, managementPort] = [await freePort(), await freePort()];
  issuer = `http://127.0.0.1:${port}`;
  management = `http://127.0.0.1:${managementPort}`;
  good = await startRelyingParty({ issuer: () => issuer, clientOf: (path) => path.slice(1) });
  faulty = await listening(createServer(misbehave));
  untrusted = await listening(
    createHttpsServer({ cert: CERTIFICATE, key: CERTIFICATE_KEY }, (_request, response) => {
      untrustedWasAsked = true;
      response.end();
    }),
  );
  await writeFile(join(directory, "config.json"), JSON.stringify(configuration(port, managementPort)));
  const command = [process.execPath, "--conditions=@portcullis/source", MAIN, "--config"];
  server = startProcess([...command, join(directory, "config.json")]);
  await until(async () => (await exchange(`${issuer}/health/ready`)).status === 200, {
    what: "the server",
    ...PATIENCE,
  });
});
after(async () => {
  await server.stop();
  await good.stop();
  for (const party of [faulty, untrusted]) {
    party.close();
    (party as ReturnType<typeof createServer>).closeAllConnections();
  }
  await rm(directory, { recursive: true });
});

async function listening<Kind extends Server>(party: Kind): Promise<Kind> {
  party.listen(0, "localhost");
  await once(party, "listening");
  return party;
}

function misbehave(request: IncomingMessage, response: ServerResponse): void {
  const name = request.url!.slice(1);
  const cut = cuts.get(name)!;
  request.resume();
  cut.open++;
  response.socket!.once("close", () => {
    cut.open--;
    cut.cut++;
  });
  FAULTS[name]!(response, cut);
}

const hostOf = (party: Server): string => `localhost:${(party.address() as AddressInfo).port}`;

const addresses = (): Readonly<Record<string, string>> => ({
  good: `${good.origin}/good`,
  [UNTRUSTED]: `https://${hostOf(untrusted)}/${UNTRUSTED}`,
  ...Object.fromEntries(Object.keys(FAULTS).map((name) => [name, `http://${hostOf(faulty)}/${name}`])),
});

const configuration = (port: number, managementPort: number) => ({
  issuer,
  listen: { host: "127.0.0.1", port },
  management: { port: managementPort },
  dataDirectory: join(directory, "data"),
  outgoing: { privateTargets: [new URL(good.origin).host, hostOf(faulty), hostOf(untrusted)] },
  resources: [{ identifier: RESOURCE, name: "Orders", scopes: { "orders.read": "Read your orders" } }],
  users: [{ ...ALICE, name: "Alice" }],
  clients: [
    ...Object.entries(addresses()).map(([clientId, backchannelLogoutUri]) => ({
      clientId,
      name: clientId,
      firstParty: true,
      redirectUris: [REDIRECT_URI],
      grantTypes: ["authorization_code", "refresh_token"],
      resources: { [RESOURCE]: ["orders.read"] },
      backchannelLogoutUri,
    })),
    {
      clientId: "admin",
      name: "admin",
      clientSecret: Buffer.from(basicOf("admin").split(" ")[1]!, "base64").toString().split(":")[1]!,
      grantTypes: ["client_credentials"],
      resources: { [`${issuer}/api`]: ["sessions.read", "sessions.write", "config.read"] },
    },
  ],
});

const signInTo = (clientId: string, browser?: SignedIn["browser"]): Promise<SignedIn> =>
  signIn({ issuer } as ServerUnderTest, {
    parameters: { client_id: clientId, scope: "openid orders.read" },
    ...(browser === undefined ? {} : { browser }),
  });

async function call(method: string, path: string) {
  const token = await machineToken(
    issuer,
    "admin",
    `${issuer}/api`,
    "sessions.read sessions.write config.read",
  );
  const headers = { authorization: `Bearer ${token}`, prefer: "wait=0" };
  const answer = await exchange(`${issuer}/api/v1${path}`, { method, headers });
  assert.equal(answer.status, 200, answer.body);
  return answer;
}

const end = ({ claims }: SignedIn) => call("DELETE", `/sessions/${claims.sid}`);

async function failedTries(): Promise<number> {
  const { body } = await exchange(`${management}/metrics`);
  return Number(/delivery_tries_total\{[^}]*outcome="failed"[^}]*\} (\d+)/.exec(body)![1]);
}

describe("apps that misbehave when they are told of a logout", () => {
  it("delay no other: one that is well is told while they hang", async () => {
    const isTold = async () => {
      const alice = await signInTo("hanging");
      for (const name of ["trickling", "endless", "resetting", UNTRUSTED, "good"])
        await signInTo(name, alice.browser);
      await end(alice);
      await until(() => cuts.get("hanging")!.open > 0, {
        what: "the one that hangs to be asked",
        ...PATIENCE,
      });
      const other = await signInTo("good");
      await end(other);
      for (const { claims } of [alice, other]) await good.tokens("/good", claims.sid);
      return cuts.get("hanging")!.open > 0;
    };
    // A machine that stops for seconds lets the five of a try pass, and says nothing: then once more.
    await until(isTold, { what: "a logout that is told while an app hangs", withinMs: 120_000 });
    assert.deepEqual(good.refused, []);
  });

  it("are cut off, each, and each cut is a try that failed", async () => {
    for (const [name, cut] of cuts)
      await until(() => cut.cut > 0 && cut.open === 0, { what: `${name} to be cut off`, ...PATIENCE });
    for (const [recipient, code] of Object.entries(REASONS)) {
      const failed = await until(() => failedDelivery(recipient), {
        what: `a failed try for ${recipient}`,
        ...PATIENCE,
      });
      assert.ok(failed.lastError!.startsWith(`${code}: `), `${recipient}: ${failed.lastError}`);
      assert.ok(failed.attempts > 0);
    }
    assert.ok((await failedTries()) >= Object.keys(REASONS).length);
  });

  it("are not read without end, and are sent nothing where nobody vouches for them", () => {
    assert.ok(cuts.get("endless")!.bytes < MAX_BYTES_TAKEN, `${cuts.get("endless")!.bytes} bytes`);
    assert.equal(untrustedWasAsked, false);
  });

  async function failedDelivery(recipient: string): Promise<Delivery | undefined> {
    const answer = await call("GET", `/deliveries?state=pending&recipient=${recipient}`);
    const { items } = json<{ items: Delivery[] }>(answer);
    return items.find(({ lastError }) => lastError != null);
  }
});
