/** A server as a process of its own, on PostgreSQL, that is told to stop while much is under way. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { revocationAnswerSchema } from "@portcullis/protocol";
import { freePort } from "@portcullis/testing/ports";
import { startPostgres } from "@portcullis/testing/servers";
import pg from "pg";
import { oneTo } from "./storage/temporary-storage.ts";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
const CLIENT = "operator:a-secret-of-the-operator-0123456789";
const SCOPES = ["revocations.read", "revocations.write"];
const WAITING = 30;
const WORKERS = 20;

async function startServer(t: TestContext, more: object) {
  const directory = await mkdtemp(join(tmpdir(), "portcullis-stopping-"));
  t.after(() => rm(directory, { recursive: true }));
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const path = join(directory, "config.json");
  const [clientId, clientSecret] = CLIENT.split(":");
  const client = {
    clientId,
    name: "Operator",
    clientSecret,
    grantTypes: ["client_credentials"],
    resources: { [`${issuer}/api`]: SCOPES },
  };
  const configuration = {
    issuer,
    listen: { host: "127.0.0.1", port },
    management: { port: 0 },
    dataDirectory: join(directory, "data"),
    clients: [client],
    ...more,
  };
  await writeFile(path, JSON.stringify(configuration));
  const child = fork(MAIN, ["--config", path], {
    execArgv: ["--conditions=@portcullis/source"],
    silent: true,
  });
  t.after(() => void child.kill("SIGKILL"));
  const errors = text(child.stderr!);
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const [{ management }] = (await once(child, "message")) as [{ management: string }];
  return { issuer, management, child, errors, exited };
}

async function tokenOf(issuer: string): Promise<string> {
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(CLIENT)}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      resource: `${issuer}/api`,
      scope: SCOPES.join(" "),
    }),
  });
  const { access_token } = (await response.json()) as { access_token: string };
  return access_token;
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Calls of the revocations API. A connection that was refused or broken off is no answer: undefined. */
async function callsTo(issuer: string) {
  const authorization = `Bearer ${await tokenOf(issuer)}`;
  return async (path: string, body: object, headers = {}): Promise<Answer | undefined> => {
    const response = await fetch(`${issuer}/revocations${path}`, {
      method: "POST",
      headers: { authorization, "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    }).catch(() => undefined);
    return response && { status: response.status, body: await response.json().catch(() => undefined) };
  };
}

const revocationOf = (key: string) => ({ scope: "session", key, mode: "kill", foreign: true });

/** A verifier that never acknowledges, so that receipts wait. */
async function silentVerifier(call: Awaited<ReturnType<typeof callsTo>>, database: string) {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  const { rows } = await client.query("select incarnation from revocation_state");
  await client.end();
  const { incarnation } = rows[0] as { incarnation: string };
  const lease = { replica: "silent", incarnation, applied: 0, leaseMs: 60_000 };
  return async () => ((await call("/lease", lease))!.body as { head: number }).head;
}

test("a server that is told to stop answers all revocations that are under way with the truth", async (t) => {
  const postgres = await startPostgres({ fsync: false });
  t.after(() => postgres.stop());
  const url = await postgres.createDatabase();
  const { issuer, child, errors, exited } = await startServer(t, {
    database: { kind: "postgres", url, poolSize: 8 },
    stopGraceSeconds: 0,
  });
  const call = await callsTo(issuer);
  const headNow = await silentVerifier(call, url);
  await headNow();
  const waiting = oneTo(WAITING).map((index) =>
    call("", revocationOf(`waiting-${index}`), { prefer: "wait=30" }),
  );
  while ((await headNow()) < WAITING);
  // One after the other each, until the server takes no more.
  const following = oneTo(WORKERS).map(async (worker) => {
    const answers: Answer[] = [];
    for (let made = 0; ; made++) {
      const answer = await call("", revocationOf(`worker-${worker}-${made}`));
      if (answer === undefined) return answers;
      answers.push(answer);
      if (answer.status === 503) return answers;
    }
  });
  while ((await headNow()) < WAITING + WORKERS);
  child.kill("SIGTERM");
  const answers = [...(await Promise.all(waiting)), ...(await Promise.all(following)).flat()];
  assert.equal(await exited, 0, await errors);
  for (const answer of answers) {
    assert.ok(answer !== undefined, "one that waited for its receipt got no answer");
    assert.ok([200, 202, 503].includes(answer.status), JSON.stringify(answer));
    if (answer.status !== 503) revocationAnswerSchema.parse(answer.body);
  }
  assert.equal(answers.slice(0, WAITING).filter((answer) => answer!.status === 503).length, 0);
  const failed = (await errors)
    .split("\n")
    .filter((line) => /"event":"(?:server_error|request_failed)"/.test(line));
  assert.deepEqual(failed, []);
});
