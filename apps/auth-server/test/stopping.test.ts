/** A server as a process of its own, on PostgreSQL, that is told to stop while much is under way. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
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
    // What the test runs with besides is for the server too, such as a mistake that is put into it (tools/mutants).
    execArgv: ["--conditions=@portcullis/source", ...importsOf(process.execArgv)],
    silent: true,
  });
  t.after(() => void child.kill("SIGKILL"));
  let errors = "";
  const stopping = new Promise<void>((resolve) => {
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      errors += text;
      if (errors.includes('"event":"stopping"')) resolve();
    });
  });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  const [{ management }] = (await once(child, "message")) as [{ management: string }];
  return { issuer, management, child, stopping, errors: () => errors, exited };
}

const importsOf = (flags: readonly string[]): string[] =>
  flags.filter((flag, at) => flag === "--import" || flags[at - 1] === "--import");

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
  assert.equal(await exited, 0, errors());
  for (const answer of answers) {
    assert.ok(answer !== undefined, "one that waited for its receipt got no answer");
    assert.ok([200, 202, 503].includes(answer.status), JSON.stringify(answer));
    if (answer.status !== 503) revocationAnswerSchema.parse(answer.body);
  }
  assert.equal(answers.slice(0, WAITING).filter((answer) => answer!.status === 503).length, 0);
  const failed = errors()
    .split("\n")
    .filter((line) => /"event":"(?:server_error|request_failed)"/.test(line));
  assert.deepEqual(failed, []);
});

test("a server that is told to stop says so, and does its work until load balancers have had the time to notice", async (t) => {
  const { issuer, management, child, stopping, exited } = await startServer(t, { stopGraceSeconds: 300 });
  child.kill("SIGTERM");
  await stopping;
  const said = { status: "not_ready", reason: "stopping" };
  const answer = await fetch(`${issuer}/health/ready`);
  assert.deepEqual([answer.status, await answer.json()], [503, said]);
  const managed = await fetch(`${management}/readyz`);
  assert.deepEqual([managed.status, await managed.json()], [503, { ...said, ready: false }]);
  assert.match(await (await fetch(`${management}/metrics`)).text(), /^portcullis_auth_server_ready 0$/m);
  for (const path of ["/health/live", "/.well-known/openid-configuration"])
    assert.equal((await fetch(`${issuer}${path}`)).status, 200, path);
  assert.ok(await tokenOf(issuer));
  // Told twice, it waits for nobody.
  child.kill("SIGTERM");
  assert.equal(await exited, 1);
});
