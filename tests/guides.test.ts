import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { promisify } from "node:util";
import {
  nodeCommand,
  PlainBrowser,
  type ServerProcess,
  startProcess,
  until,
} from "@portcullis/testing/end-to-end";
import { freePortBlock } from "@portcullis/testing/ports";
import { startPostgres } from "@portcullis/testing/servers";
import { startForJson } from "../apps/auth-server/test/oidc/challenge/json-app.ts";
import { ALICE } from "../apps/auth-server/test/oidc/server-under-test.ts";
import { setMustChange } from "../apps/auth-server/test/people/make-user.ts";

const run = promisify(execFile);
const root = new URL("..", import.meta.url).pathname;
const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-guide-"));
  folders.push(folder);
  return folder;
}

/** The fenced blocks of a page whose fence has a name behind the language. */
async function blocksOf(page: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const blocks = new Map<string, string[]>();
  const text = await readFile(join(root, page), "utf8");
  for (const [, name, content] of text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)) {
    blocks.set(name!, [...(blocks.get(name!) ?? []), content!]);
  }
  return blocks;
}

async function untilLine(process: ServerProcess, isThere: (line: string) => boolean): Promise<string> {
  for await (const line of createInterface({ input: process.child.stdout! })) if (isThere(line)) return line;
  throw new Error(`ended before it was ready:\n${process.errors()}`);
}

/** `npm` waits for the program that it runs; killed before that, it would leave it behind. */
const STOPPING_MS = 60_000;

type Environment = Readonly<Record<string, string | undefined>>;

/** What lines of a guide print, in the checkout. */
async function bash(script: string, env: Environment = process.env): Promise<string> {
  return (await run("bash", ["-euo", "pipefail", "-c", script], { cwd: root, env })).stdout;
}

const secretsIn = (printed: string): string[] =>
  [...printed.matchAll(/^Its secret, .*:\n(\S+)$/gm)].map(([, secret]) => secret!);

test("the guide to the first service works as it is written, but for its ports", async (t) => {
  const [data, folder, portBase] = [await newFolder(), await newFolder(), await freePortBlock(13)];
  const here = (text: string): string =>
    text.replaceAll(":8400", `:${portBase}`).replaceAll("8500", String(portBase + 5));
  const blocks = await blocksOf("docs/guides/first-service.md");
  const portcullis = startProcess(
    nodeCommand("tools/start.ts", "--json", "--data", data, "--port-base", String(portBase)),
    { cwd: root, stdio: ["ignore", "pipe", "pipe"] },
  );
  t.after(() => portcullis.stop(STOPPING_MS));
  const { issuer, clients } = JSON.parse(await untilLine(portcullis, (line) => line.startsWith("{")));
  const env = {
    ...process.env,
    PORTCULLIS_ISSUER: issuer,
    PORTCULLIS_CLIENT_ID: clients.admin.clientId,
    PORTCULLIS_CLIENT_SECRET: clients.admin.clientSecret,
  };
  const [serviceSecret, readerSecret] = secretsIn(await bash(here(blocks.get("create")![0]!), env));
  const secrets = { NOTES_SERVICE_SECRET: serviceSecret, NOTES_READER_SECRET: readerSecret };

  // What `npm install` of the packed packages does is tried by packed-packages.test.ts.
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "notes.mjs"), here(blocks.get("notes.mjs")![0]!));
  const service = startProcess([process.execPath, join(folder, "notes.mjs")], {
    cwd: folder,
    env: { ...process.env, ...secrets },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => service.stop());
  await untilLine(service, (line) => line.startsWith("Notes: "));
  const script = here(blocks.get("call")![0]!).trimEnd().split("\n").join("\necho ----\n");
  const stdout = await bash(script, { ...process.env, ...secrets });
  const [, called, revoked, refused] = stdout.split("----\n");
  assert.match(called!, /^HTTP\/1\.1 200 .*"for":"notes-reader"/s);
  assert.match(revoked!, /portcullis-receipt: [^\n]*state=enforced/);
  assert.match(refused!, /^HTTP\/1\.1 401 .*"reason":"revoked"/s);

  const others = await blocksOf("docs/guides/other-clients.md");
  const made = await bash(others.get("create")![0]!, env);
  assert.match(made, /^Created: https:\/\/orders\.example\.\nCreated: shop\.\nIts secret/);
});

test("the guide to a form of one's own signs in, with a password that must be changed first, and signs out", async (t) => {
  const server = await startForJson();
  t.after(() => server.stop());
  const blocks = await blocksOf("docs/guides/your-own-sign-in-form.md");
  const env = {
    ...process.env,
    PORTCULLIS_ISSUER: server.issuer,
    PORTCULLIS_CLIENT_ID: "admin",
    PORTCULLIS_CLIENT_SECRET: "admin-secret-0123456789abcdef",
  };
  assert.match(
    await bash(blocks.get("create")![0]!, env),
    /^Created: https:\/\/orders\.example\.\nCreated: order-app\./,
  );
  await setMustChange(server.server, ALICE.username);
  const folder = await newFolder();
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "order-app.mjs"), blocks.get("order-app.mjs")![0]!);
  const command = [process.execPath, "--conditions=@portcullis/source", join(folder, "order-app.mjs")];
  const app = startProcess(command, { cwd: folder, env, stdio: ["pipe", "pipe", "pipe"] });
  t.after(() => app.stop());
  app.child.stdin!.write(`alice\nwrong\nalice\n${ALICE.password}\nshort\na password of my own\n`);
  const signedIn = await untilLine(app, (line) => line.startsWith("Signed in as "));
  const [, sub, sid] = /^Signed in as (\S+), session (\S+)$/.exec(signedIn)!;
  const sessions = () => server.server.oidc.sessions.devicesOf(sub!);
  assert.deepEqual(
    (await sessions()).map(({ uid }) => uid),
    [sid],
  );
  app.child.stdin!.write("yes\n");
  await untilLine(app, (line) => line === "Signed out");
  assert.deepEqual(await sessions(), []);
});

/** A certificate for the names of the guide, signed by itself. */
async function certificateIn(folder: string): Promise<void> {
  const files = ["-keyout", join(folder, "key.pem"), "-out", join(folder, "certificate.pem")];
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  const name = ["-subj", "/CN=login.example.com", "-addext", "subjectAltName=DNS:login.example.com"];
  await run("openssl", ["req", "-x509", ...key, ...files, ...name]);
  const both = await Promise.all(
    ["certificate.pem", "key.pem"].map((file) => readFile(join(folder, file), "utf8")),
  );
  await writeFile(join(folder, "both.pem"), both.join(""));
}

interface Behind {
  readonly folder: string;
  readonly port: number;
  readonly proxyPort: number;
}

/** An authorization server with the block of the guide, and one user. */
async function serverBehind({ folder, port, proxyPort }: Behind, block: string): Promise<ServerProcess> {
  const settings = [
    `issuer: https://login.example.com:${proxyPort}`,
    `listen: { host: 127.0.0.1, port: ${port} }`,
    `dataDirectory: ${join(folder, "data")}`,
    "limits: { pushedRequestsPerMinute: 2 }",
    block.replace(/^(issuer|listen):.*\n/gm, ""),
    "clients: [{ clientId: a, name: A, clientSecret: a-secret-of-the-guide-that-is-long, grantTypes: [client_credentials] }]",
    "users: [{ username: alice, name: Alice, password: correct horse battery }]",
  ];
  await writeFile(join(folder, "auth-server.yaml"), settings.join("\n"));
  const command = nodeCommand("apps/auth-server/src/main.ts", "--config", join(folder, "auth-server.yaml"));
  const server = startProcess(command, { cwd: root, stdio: ["ignore", "pipe", "pipe", "ipc"] });
  await once(server.child, "message");
  return server;
}

const PROXIES = {
  nginx: {
    settings: "auth-server",
    command: (file: string) => ["nginx", "-e", "stderr", "-c", file],
    around: (block: string, folder: string) => `daemon off; pid ${folder}/pid; error_log stderr;
      events {}
      http {
        access_log off;
        ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((kind) => `${kind}_temp_path ${folder}/${kind};`).join(" ")}
        ${block}
      }`,
  },
  haproxy: {
    settings: "auth-server-proxy-protocol",
    command: (file: string) => ["haproxy", "-db", "-f", file],
    around: (block: string) => block,
  },
} as const;

for (const [name, proxy] of Object.entries(PROXIES)) {
  test(`behind ${name} as the guide has it, the server has its own name, and knows who calls`, async () => {
    const [folder, port] = [await newFolder(), await freePortBlock(2)];
    const behind = { folder, port, proxyPort: port + 1 };
    const blocks = await blocksOf("docs/guides/behind-a-proxy.md");
    await certificateIn(folder);
    const server = await serverBehind(behind, blocks.get(proxy.settings)![0]!);
    const here = proxy
      .around(blocks.get(name)![0]!, folder)
      .replaceAll("/etc/ssl/login.example.com-both.pem", join(folder, "both.pem"))
      .replaceAll("/etc/ssl/login.example.com-key.pem", join(folder, "key.pem"))
      .replaceAll("/etc/ssl/login.example.com.pem", join(folder, "certificate.pem"))
      .replaceAll("127.0.0.1:8400", `127.0.0.1:${port}`)
      .replaceAll("Host login.example.com", `Host login.example.com:${behind.proxyPort}`)
      .replaceAll("bind :443", `bind 127.0.0.1:${behind.proxyPort}`)
      .replaceAll("listen 443", `listen 127.0.0.1:${behind.proxyPort}`);
    await writeFile(join(folder, "proxy.conf"), here);
    const [file, ...parameters] = proxy.command(join(folder, "proxy.conf"));
    const running = startProcess([file!, ...parameters], {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
    });
    const curl = (path: string, ...more: string[]) =>
      run("curl", [
        ...["-sSi", "--cacert", join(folder, "certificate.pem")],
        ...["--resolve", `login.example.com:${behind.proxyPort}:127.0.0.1`, ...more],
        `https://login.example.com:${behind.proxyPort}${path}`,
      ]).then(({ stdout }) => stdout);
    const discovery = await until(
      async () => {
        const answer = await curl("/.well-known/openid-configuration").catch(() => "");
        return / 200 /.test(answer) ? answer : undefined;
      },
      { what: `${name} to answer` },
    );
    assert.match(discovery, new RegExp(`"issuer":"https://login\\.example\\.com:${behind.proxyPort}"`));
    assert.match(await curl("/account"), /set-cookie: [^\n]*; secure/i);
    // What a client says of itself is not believed, and another address has an allowance of its own.
    const push = async (address: string, said: string) => {
      const answer = await curl(
        "/par",
        "--interface",
        address,
        "-H",
        `X-Forwarded-For: ${said}`,
        "-d",
        "a=b",
      );
      return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)![1]);
    };
    const statuses = [await push("127.0.0.1", "203.0.113.1"), await push("127.0.0.1", "203.0.113.2")];
    assert.ok(!statuses.includes(429), String(statuses));
    assert.equal(await push("127.0.0.1", "203.0.113.3"), 429);
    assert.notEqual(await push("127.0.0.2", "203.0.113.1"), 429);
    assert.doesNotMatch(server.errors(), /one_address_for_all/);
    await running.stop();
    await server.stop();
  });
}

/** Follows the way of a person through pages: each form is filled with what is at hand. */
async function throughPages(
  browser: PlainBrowser,
  start: string,
  fill: Record<string, string>,
): Promise<string> {
  const isBack = (url: URL) => url.pathname === "/callback";
  let page = await browser.open(start, isBack);
  for (let pages = 0; !isBack(page.url) && page.forms[0] !== undefined && pages < 4; pages++) {
    page = await browser.submit(page, page.forms[0], {
      fill: page.forms[0].hasPassword ? fill : {},
      isEnd: isBack,
    });
  }
  return isBack(page.url) ? await (await fetch(page.url)).text() : page.body;
}

/** Runs the line of a guide that signs in, and is the person at the browser. */
async function logIn(line: string, env: Environment, account: Record<string, string>): Promise<void> {
  const login = startProcess(["bash", "-euc", `exec ${line}`], {
    cwd: root,
    env: env as NodeJS.ProcessEnv,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const address = await addressOf(login);
  assert.match(await throughPages(new PlainBrowser(), address, account), /You are signed in/);
  await login.exited;
}

const addressOf = (program: ServerProcess): Promise<string> =>
  until(async () => /^ {2}(http\S+)$/m.exec(program.errors())?.[1], {
    what: "the address to sign in at",
  });

for (const way of ["the link in the log", "the environment"] as const) {
  test(`the guide to the first administrator works as it is written, by ${way}`, async () => {
    const [folder, port] = [await newFolder(), await freePortBlock(2)];
    const blocks = await blocksOf("docs/guides/first-administrator.md");
    const here = (text: string) =>
      text
        .replaceAll(":8400", `:${port}`)
        .replaceAll("port: 8400", `port: ${port}`)
        .replaceAll("8410", String(port + 1))
        .replaceAll("./", `${folder}/`)
        .replaceAll("--config ", `--config ${folder}/`);
    await writeFile(join(folder, "auth-server.yaml"), here(blocks.get("auth-server.yaml")![0]!));
    const account = { username: "root", password: "correct horse battery" };
    await writeFile(join(folder, "admin-password"), account.password);
    const environment = way === "the environment" ? here(blocks.get("environment")![0]!) : "";
    const server = startProcess(["bash", "-euc", `${environment}\nexec ${here(blocks.get("start")![0]!)}`], {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
    await until(async () => (server.errors().includes('"event":"ready"') ? true : undefined), {
      what: "the server to be ready",
    });
    const link = /"link":"([^"]+)"/.exec(server.errors())?.[1];
    if (way === "the link in the log") {
      const browser = new PlainBrowser();
      const page = await browser.open(link!);
      const fill = { ...account, name: "Root", repeated: account.password };
      const { body: made } = await browser.submit(page, page.forms[0]!, { fill });
      assert.match(made, /value="root"/, "the sign-in page, with the name filled in");
    } else assert.equal(link, undefined);

    const env = { ...process.env, XDG_CONFIG_HOME: folder };
    await logIn(here(blocks.get("login")![0]!), env, account);
    const stdout = await bash(here(blocks.get("use")![0]!), env);
    assert.match(stdout, /^root \(\S+\), administrator, at http/);
    assert.match(stdout, /^Signed out at /m);
    await server.stop();
  });
}

test("an employee who left is banned and then ended everywhere as the guide has it, on PostgreSQL", async (t) => {
  const [folder, port] = [await newFolder(), await freePortBlock(3)];
  const postgres = await startPostgres({ fsync: false });
  const started: ServerProcess[] = [];
  t.after(async () => {
    for (const process of started.toReversed()) await process.stop(STOPPING_MS);
    await postgres.stop();
  });
  const database = await postgres.createDatabase();
  const blocks = await blocksOf("docs/guides/an-employee-left.md");
  const here = (name: string): string =>
    blocks
      .get(name)![0]!
      .replaceAll(/postgres:[^"]*/g, database)
      .replaceAll(/\b8400\b/g, String(port))
      .replaceAll(/\b8410\b/g, String(port + 1))
      .replaceAll(/\b8500\b/g, String(port + 2))
      .replaceAll("./", `${folder}/`)
      .replaceAll("--config ", `--config ${folder}/`)
      .replaceAll("--password-file ", `--password-file ${folder}/`)
      .replaceAll("cat token", `cat ${folder}/token`);
  const [administrator, alice] = [
    { username: "root", password: "correct horse battery" },
    { username: "alice", password: "another horse battery" },
  ];
  await writeFile(join(folder, "admin-password"), administrator.password);
  await writeFile(join(folder, "alice-password"), alice.password);
  for (const file of ["auth-server.yaml", "notes.mjs", "sign-in.mjs"])
    await writeFile(join(folder, file), here(file));
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));

  // Without npm: whoever kills it leaves its program behind.
  const main = nodeCommand("apps/auth-server/src/main.ts").join(" ");
  const start = here("start").replace("npm run auth-server --", `exec ${main}`);
  const server = startProcess(["bash", "-euc", start], {
    cwd: root,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(server);
  const isReady = () => (server.errors().includes('"event":"ready"') ? true : undefined);
  await until(async () => isReady(), { what: "the server to be ready" });
  assert.match(server.errors(), /"event":"administrator_made"/);
  const env = { ...process.env, XDG_CONFIG_HOME: folder };
  const guided = (name: string) => bash(here(name), env);
  await logIn(here("login"), env, administrator);
  const [secret] = secretsIn(await guided("api"));
  assert.match(await guided("people"), /^Created: notes-cli\.\nCreated: alice\.\n/);

  const service = startProcess([process.execPath, join(folder, "notes.mjs")], {
    cwd: folder,
    env: { ...process.env, NOTES_SECRET: secret },
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(service);
  await untilLine(service, (line) => line.startsWith("Notes: "));
  const app = startProcess(["bash", "-euc", here("sign-in")], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  started.push(app);
  const page = await throughPages(new PlainBrowser(), await addressOf(app), alice);
  assert.match(page, /You are signed in/);
  await app.exited;
  assert.match(await guided("call"), /^HTTP\/1\.1 200 /);

  assert.match(await guided("ban"), /Enforced by 1 of 1 verifier/i);
  assert.match(await guided("call"), /^HTTP\/1\.1 401 .*"reason":"banned"/s);
  const before = await guided("before");
  assert.match(before, /^[\w-]+ +.*alice/m);
  assert.match(before, /^Nothing was changed\. It would end at most 1 session /m);
  assert.match(await guided("disable"), /^Disabled: alice\..*enforced by 1 of 1 verifier/is);
  const after = await guided("after");
  assert.match(after, /^status +disabled$/m);
  assert.match(after, /^bans that stand +https:\/\/notes\.example until /m);
  assert.match(after, / subject +alice +kill +user_disabled +root +left the company$/m);
  assert.match(after, / subject-audience +alice at https:\/\/notes\.example +kill +banned +root/m);
  assert.match(after, /notes-1/);
});
