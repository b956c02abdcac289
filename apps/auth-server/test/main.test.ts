import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, before, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { freePort } from "@portcullis/testing/ports";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
let directory: string;
let running: ChildProcess | undefined;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "portcullis-main-"));
});
afterEach(() => {
  running?.kill("SIGKILL");
  running = undefined;
});
after(() => rm(directory, { recursive: true }));

async function start(document: object | string, file = "config.json") {
  const path = join(directory, file);
  await writeFile(path, typeof document === "string" ? document : JSON.stringify(document));
  return run(["--config", path]);
}

function run(
  args: string[],
  environment: Record<string, string> = {},
  flags: string[] = ["--conditions=@portcullis/source"],
) {
  const env = { ...process.env, ...environment };
  const child = fork(MAIN, args, { execArgv: flags, silent: true, env });
  running = child;
  const errors = text(child.stderr!);
  const output = text(child.stdout!);
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return { child, errors, output, exited, ready: once(child, "message").then(([message]) => message) };
}

const configurationFor = (port: number) => ({
  issuer: `http://127.0.0.1:${port}`,
  listen: { host: "127.0.0.1", port },
  management: { port: 0 },
  dataDirectory: join(directory, "data"),
});

async function taken(): Promise<{ port: number; holder: Server }> {
  const holder = createServer().listen(0, "127.0.0.1");
  await once(holder, "listening");
  return { port: (holder.address() as { port: number }).port, holder };
}

const lines = async (errors: Promise<string>) => (await errors).split("\n").filter((line) => line !== "");

describe("the program", () => {
  it("says when it is ready, answers, keeps its data to its owner, and stops on SIGTERM", async () => {
    const port = await freePort();
    const { child, ready, exited, errors } = await start(configurationFor(port));
    const { management, ...message } = await ready;
    assert.deepEqual(message, { type: "ready", url: `http://127.0.0.1:${port}` });
    for (const path of ["/livez", "/readyz"]) assert.equal((await fetch(`${management}${path}`)).status, 200);
    // What they say is not for everybody.
    for (const path of ["/livez", "/readyz", "/metrics"]) {
      assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 404);
    }
    for (const path of ["/health/live", "/health/ready"]) {
      assert.equal((await fetch(`http://127.0.0.1:${port}${path}`)).status, 200);
    }
    const { mode } = await stat(join(directory, "data", "auth-server.sqlite"));
    assert.equal(mode & 0o777, 0o600);
    child.kill("SIGTERM");
    assert.equal(await exited, 0);
    for (const line of await lines(errors)) assert.equal(typeof JSON.parse(line).event, "string");
  });

  it("stops when its parent is gone", async () => {
    const { child, ready, exited } = await start(configurationFor(await freePort()));
    await ready;
    child.disconnect();
    assert.equal(await exited, 0);
  });

  it("says which port is taken, in one line", async () => {
    const { port, holder } = await taken();
    const { errors, exited } = await start(configurationFor(port));
    assert.equal(await exited, 1);
    assert.match(
      (await lines(errors)).at(-1)!,
      new RegExp(`port ${port} on 127\\.0\\.0\\.1 is taken; choose another with listen\\.port`),
    );
    await new Promise((resolve) => holder.close(resolve));
  });

  it("takes settings of the environment and secrets of files, and keeps the secrets out of its log", async () => {
    const port = await freePort();
    const secret = "a-secret-of-a-file-0123456789";
    await writeFile(join(directory, "client-secret"), secret);
    const clients = [
      {
        clientId: "service",
        name: "Service",
        clientSecretFile: "client-secret",
        grantTypes: ["client_credentials"],
        resources: { [`http://127.0.0.1:${port}/api`]: ["revocations.inspect"] },
      },
    ];
    const dataDirectory = join(directory, "data-of-environment");
    const path = join(directory, "environment.json");
    await writeFile(path, JSON.stringify({ ...configurationFor(1), dataDirectory, clients }));
    const { ready, child, errors } = run(["--config", path], {
      PORTCULLIS_ISSUER: `http://127.0.0.1:${port}`,
      PORTCULLIS_LISTEN_PORT: String(port),
    });
    const { url } = await ready;
    const token = await fetch(`${url}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`service:${secret}`)}` },
      body: new URLSearchParams({
        grant_type: "client_credentials",
        resource: `${url}/api`,
        scope: "revocations.inspect",
      }),
    });
    assert.equal(token.status, 200);
    child.kill("SIGTERM");
    assert.ok(!(await errors).includes(secret));
  });

  it("explains itself, and checks a configuration without serving or making anything", async () => {
    const help = run(["--help"]);
    assert.equal(await help.exited, 0);
    assert.match(await help.output, /^Usage: .*--config FILE/);
    assert.equal(await help.errors, "", "nothing of the library, whatever the Node");
    const dataDirectory = join(directory, "never-made");
    const path = join(directory, "checked.json");
    await writeFile(path, JSON.stringify({ ...configurationFor(8400), dataDirectory }));
    const check = run(["--check", "--config", path]);
    assert.equal(await check.exited, 0);
    assert.equal(await check.output, "auth-server: the configuration is valid\n");
    await assert.rejects(stat(dataDirectory), { code: "ENOENT" });
  });

  it("runs without a flag that says where our sources are", async () => {
    const version = run(["--version"], {}, []);
    assert.equal(await version.exited, 0, await version.errors);
    assert.match(await version.output, /^auth-server \d+\.\d+\.\d+\n$/);
  });

  it("names every problem of the configuration, one a line", async () => {
    const { errors, exited } = await start({
      issuer: "http://127.0.0.1:1/x/",
      listen: { port: -1 },
      colour: 1,
    });
    assert.equal(await exited, 1);
    const [first, ...problems] = await lines(errors);
    assert.match(first!, /config\.json has 4 problems:$/);
    assert.deepEqual(
      problems.map((line) => line.trim().split(":")[0]),
      ["issuer", "listen.port", "dataDirectory", "colour"],
    );
  });

  it("says so when the file is not there, or none was given", async () => {
    for (const args of [["--config", join(directory, "nowhere.json")], [], ["--verbose"]]) {
      const { errors, exited } = run(args);
      assert.equal(await exited, 1);
      assert.equal((await lines(errors)).length, 1);
    }
  });

  it("refuses to run twice on the same data", async () => {
    const [first, second] = [await freePort(), await freePort()];
    const one = await start(configurationFor(first));
    await one.ready;
    const two = await start(configurationFor(second), "second.json");
    assert.equal(await two.exited, 1);
    assert.match((await lines(two.errors)).at(-1)!, /Another server is running/);
    one.child.kill("SIGTERM");
    assert.equal(await one.exited, 0);
  });
});
