import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import {
  adopt,
  bearer,
  exchange,
  isRunning,
  nodeCommand,
  type ServerProcess,
  type StackInfo,
  startProcess,
  until,
} from "@portcullis/testing/end-to-end";
import { freePortBlock } from "@portcullis/testing/ports";

const run = promisify(execFile);
const root = new URL("..", import.meta.url).pathname;
/** As many as `npm start` takes from its base on. */
const PORTS = 13;
const directories: string[] = [];
after(() => Promise.all(directories.map((path) => rm(path, { recursive: true, force: true }))));

async function newDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "portcullis-launcher-"));
  directories.push(path);
  return path;
}

/** Settings that somebody has exported for something else: none of the parts may take them. */
const EXPORTED = { PORTCULLIS_ISSUER: "https://elsewhere.example", PORTCULLIS_LISTEN_PORT: "1" };

function launch(...parameters: string[]): ServerProcess {
  const command = nodeCommand("tools/start.ts", ...parameters);
  const env = { ...process.env, ...EXPORTED };
  return startProcess(command, { cwd: root, env, stdio: ["ignore", "pipe", "pipe"] });
}

/** Standard output up to the line that says that all is ready. */
async function announced(launcher: ServerProcess): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: launcher.child.stdout! })) {
    lines.push(line);
    if (line.startsWith("Ctrl-C")) return lines;
  }
  throw new Error(`ended before it was ready:\n${launcher.errors()}`);
}

async function launchForScripts(data: string, portBase: number, ...more: string[]) {
  const launcher = launch("--json", "--data", data, "--port-base", String(portBase), ...more);
  const lines: string[] = [];
  const reader = createInterface({ input: launcher.child.stdout! }).on("line", (line) => lines.push(line));
  await Promise.race([
    once(reader, "line"),
    launcher.exited.then(() => Promise.reject(new Error(`ended before it was ready:\n${launcher.errors()}`))),
  ]);
  const info = JSON.parse(lines[0]!) as StackInfo & { readonly kept: readonly string[] };
  for (const pid of Object.values(info.pids)) adopt(pid);
  return { launcher, info, lines };
}

/** The demo administrator is one, and the admin client has every scope that it says, and all that there are. */
async function assertAdministers({ issuer, api, administrator, clients: { admin } }: StackInfo) {
  const document = JSON.parse((await exchange(`${issuer}/api/openapi.json`)).body);
  const [scheme] = Object.values<{ flows: { clientCredentials: { scopes: object } } }>(
    document.components.securitySchemes,
  );
  const { scopes } = scheme!.flows.clientCredentials;
  assert.deepEqual(admin.scope.split(" ").toSorted(), Object.keys(scopes).toSorted());
  const { clientId, clientSecret, scope, resource } = admin;
  const token = await exchange(`${issuer}/token`, {
    body: new URLSearchParams({ grant_type: "client_credentials", scope, resource }),
    headers: { authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString("base64")}` },
  });
  const headers = bearer(JSON.parse(token.body).access_token);
  const role = await exchange(`${api}/users/${administrator.username}/roles/administrator`, { headers });
  assert.equal(JSON.parse(role.body).held, true, role.body);
}

async function ended(launcher: ServerProcess) {
  const output = text(launcher.child.stdout!);
  const { code } = await launcher.exited;
  return { code, output: await output, errors: launcher.errors() };
}

const allGone = (info: StackInfo) =>
  until(() => !Object.values(info.pids).some(isRunning), { what: "the end of every server" });

describe("npm start", () => {
  it("prints five curl lines that do in bash what they say, and remembers it after a restart", async () => {
    const [data, portBase] = [await newDirectory(), await freePortBlock(PORTS)];
    const launcher = launch("--data", data, "--port-base", String(portBase));
    const printed = await announced(launcher);
    for (const [part, offset] of [
      ["Authorization server", 10],
      ["Gateway", 4],
      ["Orders service", 11],
    ] as const) {
      const line = printed.find((each) => each.trim().startsWith(`${part}  `)) ?? "";
      assert.ok(line.includes(`http://127.0.0.1:${portBase + offset}/`), line);
    }
    const lines = printed.filter((line) => /^(TOKEN=\$\()?curl /.test(line));
    assert.equal(lines.length, 5);

    const script = [...lines.flatMap((line) => [line, "echo ----"]), 'echo "$TOKEN"'].join("\n");
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script]);
    const [got, called, asked, revoked, refused, token] = stdout.split("----\n") as [string, ...string[]];
    assert.equal(got, "", "the token is kept, not shown");
    assert.match(called!, /^HTTP\/1\.1 200 .*"via":"gateway"/s);
    assert.match(asked!, /"active":true/);
    assert.match(revoked!, /^HTTP\/1\.1 200 .*portcullis-receipt: [^\n]*state=enforced/s);
    assert.match(refused!, /^HTTP\/1\.1 401 .*reason="revoked", mode="kill"/s);

    const commands = printed.filter((line) => /^(export|npx) /.test(line));
    const told = await run("bash", ["-euo", "pipefail", "-c", commands.join("\n")]);
    assert.match(told.stdout, /^orders\S* +orders +\S+ +live /m);
    assert.match(told.stdout, /Enforced by \d+ of \d+ verifiers after /);

    launcher.child.kill("SIGINT");
    assert.deepEqual(await launcher.exited, { code: 0, signal: null });
    const again = await launchForScripts(data, portBase);
    for (const server of [again.info.gateway, again.info.service]) {
      const answer = await exchange(server + again.info.routes.orders, { headers: bearer(token!.trim()) });
      assert.equal(answer.status, 401, answer.body);
      assert.match(answer.body, /"reason":"revoked"/);
    }
    await again.launcher.stop();
    await allGone(again.info);
  });

  it("for scripts, prints exactly one line of JSON with all that was promised", async () => {
    const [data, portBase] = [await newDirectory(), await freePortBlock(PORTS)];
    const { launcher, info, lines } = await launchForScripts(data, portBase);
    const url = (offset: number) => `http://127.0.0.1:${portBase + offset}`;
    assert.equal(info.issuer, url(0));
    assert.equal(info.gateway, url(1));
    assert.equal(info.service, url(2));
    assert.equal(info.webApp, url(3));
    assert.equal(info.management, url(4));
    assert.deepEqual(info.managements, {
      authServer: url(10),
      gateway: url(4),
      service: url(11),
      webApp: url(12),
    });
    for (const management of Object.values(info.managements)) {
      assert.equal((await exchange(`${management}/readyz`)).status, 200, management);
    }
    assert.equal(info.revocations, `${url(0)}/revocations`);
    assert.deepEqual(Object.keys(info.pids).sort(), ["authServer", "gateway", "service", "webApp"]);
    assert.deepEqual(info.clients.web, { clientId: "web", redirectUris: [`${url(3)}/callback`] });
    for (const client of [info.clients.service, info.clients.admin]) {
      assert.ok(client.clientId && client.clientSecret.length >= 22 && client.scope);
    }
    assert.equal(info.clients.admin.resource, `${url(0)}/api`);
    assert.equal(info.api, `${url(0)}/api/v1`);
    assert.ok(info.administrator.username && info.administrator.password);
    await assertAdministers(info);
    assert.ok(info.resource && info.demo.username && info.demo.password);
    assert.deepEqual(Object.keys(info.routes).sort(), ["open", "orders"]);
    const closed = once(launcher.child, "close");
    await launcher.stop();
    await closed;
    assert.equal(lines.length, 1);
  });

  it("lets others on the network in by https, and all that it prints works there too", async () => {
    const [data, portBase] = [await newDirectory(), await freePortBlock(PORTS)];
    const launcher = launch("--host", "127.0.0.1", "--data", data, "--port-base", String(portBase));
    const printed = await announced(launcher);
    const lines = printed.filter((line) => /^(TOKEN=\$\()?curl /.test(line));
    const { stdout } = await run("bash", ["-euo", "pipefail", "-c", lines.join("\necho ----\n")]);
    const [, called, asked, revoked, refused] = stdout.split("----\n");
    assert.match(called!, /^HTTP\/1\.1 200 .*"via":"gateway"/s);
    assert.match(asked!, /"active":true/);
    assert.match(revoked!, /portcullis-receipt: [^\n]*state=enforced/);
    assert.match(refused!, /^HTTP\/1\.1 401 /);
    const commands = printed.filter((line) => /^(export|npx) /.test(line));
    const told = await run("bash", ["-euo", "pipefail", "-c", commands.join("\n")]);
    assert.match(told.stdout, /^orders\S* +orders +\S+ +live /m);

    const certificate = join(data, "tls", "127.0.0.1.pem");
    assert.equal(new X509Certificate(await readFile(certificate)).ca, false, "good for this name alone");
    const page = await run("curl", [
      "-sSi",
      "--cacert",
      certificate,
      `https://127.0.0.1:${portBase}/account`,
    ]);
    assert.match(page.stdout, /^HTTP\/1\.1 [23]\d\d /);
    assert.match(page.stdout, /set-cookie: [^\n]*; secure/i);
    await assert.rejects(run("curl", ["-sS", `https://127.0.0.1:${portBase}/account`]), /certificate/i);
    await launcher.stop();
  });

  it("keeps configuration that was edited, says so, and writes it anew when asked", async () => {
    const [data, portBase] = [await newDirectory(), await freePortBlock(PORTS)];
    const first = await launchForScripts(data, portBase);
    assert.deepEqual(first.info.kept, []);
    await first.launcher.stop();
    const file = join(data, "config", "gateway.yaml");
    const edited = (await readFile(file, "utf8")).replace("name: catalogue", "name: prices");
    await writeFile(file, edited);
    const second = await launchForScripts(data, portBase);
    assert.deepEqual(second.info.kept, ["gateway.yaml"]);
    assert.equal(await readFile(file, "utf8"), edited);
    await second.launcher.stop();
    const shown = launch("--data", data, "--port-base", String(portBase));
    const keptLine = (await announced(shown)).find((line) => line.includes("Kept as you edited it")) ?? "";
    assert.match(keptLine, /gateway\.yaml .*in the database stays: to begin anew, stop and remove/);
    assert.ok(keptLine.endsWith(`${data})`), keptLine);
    await shown.stop();
    const third = await launchForScripts(data, portBase, "--reset-config");
    assert.deepEqual(third.info.kept, []);
    assert.match(await readFile(file, "utf8"), /name: catalogue/);
    await third.launcher.stop();
  });

  it("says what it did not take of an edited app, and what was created of a new one", async () => {
    const [data, portBase] = [await newDirectory(), await freePortBlock(PORTS)];
    await (await launchForScripts(data, portBase)).launcher.stop();
    const file = join(data, "config", "auth-server.json");
    const settings = JSON.parse(await readFile(file, "utf8"));
    settings.clients[0].name = "Another name";
    settings.clients.push({ ...settings.clients[0], clientId: "newcomer" });
    await writeFile(file, JSON.stringify(settings));
    const { launcher } = await launchForScripts(data, portBase);
    const said = launcher.errors();
    assert.match(said, /^Created from auth-server\.json: apps newcomer\.$/m);
    const notTaken = new RegExp(
      `^Not taken from auth-server\\.json: the app ${settings.clients[0].clientId}, name: .*portcullis apps update`,
      "m",
    );
    assert.match(said, notTaken);
    await launcher.stop();
  });

  it("names the edited file when the start fails with it, the problem of this start alone, and the price of a reset", async () => {
    const [data, portBase] = [await newDirectory(), await freePortBlock(PORTS)];
    await (await launchForScripts(data, portBase)).launcher.stop();
    const log = join(data, "logs", "gateway.log");
    assert.match(await readFile(log, "utf8"), /"event":"listening"/);
    const file = join(data, "config", "gateway.yaml");
    const settings = await readFile(file, "utf8");
    for (const [name, before] of [
      ["nonsense", "no-run-before"],
      ["humbug", "nonsense"],
    ] as const) {
      await writeFile(file, `${settings}${name}: true\n`);
      const { code, errors } = await ended(launch("--data", data, "--port-base", String(portBase)));
      assert.equal(code, 1);
      assert.match(
        errors,
        /edited gateway\.yaml; npm start -- --reset-config writes it anew, and throws that edit away/,
      );
      assert.match(errors, new RegExp(`The end of .*gateway\\.log:\\n(  .*\\n)*.*${name}`));
      assert.doesNotMatch(errors, new RegExp(`"event":"listening"|${before}`));
    }
  });

  it("leaves no process behind when it is killed", async () => {
    const { launcher, info } = await launchForScripts(await newDirectory(), await freePortBlock(PORTS));
    launcher.child.kill("SIGKILL");
    await allGone(info);
  });

  it("starts nothing more once it is told to stop", async () => {
    let started: string[] = [];
    // More than once: a machine that kept this process waiting has let the launcher start all before it was told.
    for (let round = 0; round < 5 && started.length !== 1; round++) {
      const data = await newDirectory();
      const launcher = launch("--data", data, "--port-base", String(await freePortBlock(PORTS)));
      await until(() => launcher.errors().includes("Starting"), { what: "the start", everyMs: 1 });
      launcher.child.kill("SIGTERM");
      assert.deepEqual(await launcher.exited, { code: 0, signal: null });
      started = await readdir(join(data, "logs"));
    }
    assert.deepEqual(started, ["authServer.log"]);
  });

  it("ends a server that is stopped and does not answer", async () => {
    const { launcher, info } = await launchForScripts(await newDirectory(), await freePortBlock(PORTS));
    process.kill(info.pids.gateway, "SIGSTOP");
    launcher.child.kill("SIGTERM");
    assert.deepEqual(await launcher.exited, { code: 0, signal: null });
    assert.ok(!Object.values(info.pids).some(isRunning));
  });

  it("goes on without a server that was killed, and says how to start it again", async () => {
    const { launcher, info } = await launchForScripts(await newDirectory(), await freePortBlock(PORTS));
    process.kill(info.pids.webApp, "SIGKILL");
    await until(() => launcher.errors().includes("Start it again with:"), { what: "the report" });
    assert.match(launcher.errors(), /The web app \(process \d+\) ended with SIGKILL; the others run on\./);
    const printed = launcher.errors().trimEnd().split("\n").at(-1)!.trim();
    assert.deepEqual(printed.split(" "), info.commands.webApp);
    const again = startProcess(info.commands.webApp);
    await until(async () => (await exchange(info.webApp)).status === 200, { what: "the web app to be back" });
    await again.stop();
    await launcher.stop();
    await allGone(info);
  });

  it("refuses a second start on the same data, and says who runs there", async () => {
    const data = await newDirectory();
    const { launcher, info } = await launchForScripts(data, await freePortBlock(PORTS));
    const portBase = await freePortBlock(PORTS);
    const second = await ended(launch("--json", "--data", data, "--port-base", String(portBase)));
    assert.equal(second.code, 1);
    assert.equal(second.output, "");
    assert.match(
      second.errors,
      new RegExp(`already running on ${data} \\(process ${launcher.pid}, ${info.issuer}\\)`),
    );
    assert.match(second.errors, new RegExp(`--port-base ${portBase + 100}$`, "m"));
    await launcher.stop();
  });

  it("refuses taken ports, and names them and the remedy", async () => {
    const portBase = await freePortBlock(PORTS);
    const squatter = createServer().listen(portBase + 2, "127.0.0.1");
    await once(squatter, "listening");
    const outcome = await ended(launch("--data", await newDirectory(), "--port-base", String(portBase)));
    squatter.close();
    assert.equal(outcome.code, 1);
    assert.match(outcome.errors, new RegExp(`Port ${portBase + 2} \\(orders service\\) is taken\\.`));
    assert.match(outcome.errors, /--port-base \d+/);
  });

  it("shows the end of the log of a server that does not come up", async () => {
    const data = await newDirectory();
    const { launcher } = await launchForScripts(data, await freePortBlock(PORTS));
    await launcher.stop();
    await writeFile(join(data, "gateway-key.json"), "not a key", { mode: 0o600 });
    const outcome = await ended(launch("--data", data, "--port-base", String(await freePortBlock(PORTS))));
    assert.equal(outcome.code, 1);
    assert.match(outcome.errors, /The gateway ended with status 1\.\nThe end of .*gateway\.log:\n/);
  });

  it("keeps its secrets out of the logs, and its files to their owner", async () => {
    const data = await newDirectory();
    const { launcher, info } = await launchForScripts(data, await freePortBlock(PORTS));
    await launcher.stop();
    const secrets = [
      info.demo.password,
      info.administrator.password,
      info.clients.service.clientSecret,
      info.clients.admin.clientSecret,
    ];
    for (const part of Object.keys(info.pids)) {
      const log = await readFile(join(data, "logs", `${part}.log`), "utf8");
      for (const secret of secrets) assert.ok(!log.includes(secret), part);
    }
    const { stdout } = await run("find", [
      data,
      "-type",
      "f",
      "-perm",
      "/077",
      "-not",
      "-path",
      `${data}/auth-server/*`,
    ]);
    assert.equal(stdout, "");
  });

  it("explains an option that it does not know", async () => {
    const outcome = await ended(launch("--ports", "1"));
    assert.equal(outcome.code, 2);
    assert.match(outcome.errors, /--ports.*Usage: npm start/s);
  });
});
