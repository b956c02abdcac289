/** A person's own sign-in: through the browser, kept, refreshed and given back. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import { freePort } from "@portcullis/testing/ports";
import { machineToken, passPagesTo } from "../../auth-server/test/oidc/app.ts";
import { ALICE, BOB } from "../../auth-server/test/oidc/server-under-test.ts";
import { makeAdministrator, roleOf, startAdministered } from "../../auth-server/test/roles/administration.ts";
import { EXIT } from "../src/index.ts";
import { type RunOptions, runCommand } from "./cli-under-test.ts";

async function world(t: TestContext) {
  const server = await startAdministered();
  t.after(() => server.stop());
  await makeAdministrator(server, "alice");
  const folder = mkdtempSync(join(tmpdir(), "portcullis-login-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const env = { XDG_CONFIG_HOME: folder, PORTCULLIS_ISSUER: server.issuer };
  const logins = join(folder, "portcullis", "logins");
  const run = (args: string, options: RunOptions = {}) => runCommand(args, { env, ...options });
  const files = () => (existsSync(logins) ? readdirSync(logins) : []);
  const file = () => join(logins, files()[0]!);
  return { server, env, run, logins, files, file };
}

type World = Awaited<ReturnType<typeof world>>;

/** What the person does with the address that the command prints. */
const visiting = (visit: (url: URL) => Promise<unknown>) => {
  let said = "";
  let visited: Promise<unknown> | undefined;
  return {
    delay: (_ms: number, signal: AbortSignal) =>
      new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve())),
    onErr(text: string) {
      said += text;
      const url = /^ {2}(http\S+)$/m.exec(said)?.[1];
      if (url !== undefined) visited ??= visit(new URL(url));
    },
    visited: () => visited,
  };
};

/** Signs in, and follows the way back to the command. Gives the last page. */
const signingIn = (credentials = ALICE) =>
  visiting(async (url) => {
    const browser = new PlainBrowser();
    const back = new URL(url.searchParams.get("redirect_uri")!);
    const callback = await passPagesTo(browser, url, {
      credentials,
      isEnd: (at) => at.origin === back.origin,
    });
    return exchange(callback);
  });

async function login({ run }: World, credentials = ALICE) {
  const person = signingIn(credentials);
  const ended = await run("login --no-browser", person);
  return { ...ended, page: (await person.visited()) as Awaited<ReturnType<typeof exchange>> };
}

test("login signs in through the browser, and the commands act as the person, until logout", async (t) => {
  const here = await world(t);
  const { server, run, files, file, logins } = here;
  const signedIn = await login(here);
  assert.equal(signedIn.code, EXIT.ok, signedIn.err);
  assert.equal(signedIn.out, `Signed in at ${server.issuer} as alice.\n`);
  assert.match(signedIn.page.body, /You are signed in/);
  assert.deepEqual([statSync(file()).mode & 0o777, statSync(logins).mode & 0o777], [0o600, 0o700]);
  const kept = JSON.parse(readFileSync(file(), "utf8"));

  const who = await run("whoami --json");
  assert.deepEqual(JSON.parse(who.out), {
    issuer: server.issuer,
    sub: kept.subject,
    username: "alice",
    roles: ["administrator"],
  });
  assert.equal((await run("users disable bob")).code, EXIT.ok);
  const { read } = server.server.storage;
  const last = await read.selectFrom("revocations").select("actor").orderBy("seq", "desc").limit(1).execute();
  assert.equal(last[0]!.actor, kept.subject);

  const out = await run("logout");
  assert.equal(out.code, EXIT.ok, out.err);
  assert.deepEqual(files(), []);
  const used = await exchange(`${server.issuer}/api/v1/keys`, {
    headers: { authorization: `Bearer ${kept.accessToken}` },
  });
  assert.equal(used.status, 401, "what was given back is refused");
  assert.match((await run("whoami")).err, /not signed in/);
  assert.match((await run("logout")).err, /not signed in/);
});

test("login needs no issuer to be named again where there is one sign-in, and asks which where there are two", async (t) => {
  const here = await world(t);
  const { env, run, server, logins, file } = here;
  await login(here);
  const unnamed = { env: { XDG_CONFIG_HOME: env.XDG_CONFIG_HOME } };
  assert.match((await run("whoami", unnamed)).out, /^alice /);
  const other = { ...JSON.parse(readFileSync(file(), "utf8")), issuer: "https://other.example" };
  writeFileSync(join(logins, "other.json"), JSON.stringify(other));
  const asked = await run("whoami", unnamed);
  assert.equal(asked.code, EXIT.usage);
  assert.ok(asked.err.includes(server.issuer) && asked.err.includes("https://other.example"));
});

test("a client that is given counts more than a sign-in", async (t) => {
  const here = await world(t);
  await login(here);
  const client = {
    ...here.env,
    PORTCULLIS_CLIENT_ID: "admin",
    PORTCULLIS_CLIENT_SECRET: "admin-secret-0123456789abcdef",
  };
  assert.match((await here.run("whoami", { env: client })).out, /^The client admin,/);
  const half = await here.run("whoami", { env: { ...here.env, PORTCULLIS_CLIENT_ID: "admin" } });
  assert.equal(half.code, EXIT.usage);
  assert.match(half.err, /PORTCULLIS_CLIENT_SECRET/);
});

test("a token is refreshed when it is old, once, however many commands need it", async (t) => {
  const here = await world(t);
  const { server, run, file, files } = here;
  await login(here);
  const before = JSON.parse(readFileSync(file(), "utf8"));
  writeFileSync(file(), JSON.stringify({ ...before, expiresAt: 0 }));
  let refreshes = 0;
  const counting: typeof fetch = (url, init) => {
    if (String(init?.body).includes("grant_type=refresh_token")) refreshes++;
    return fetch(url, init);
  };
  const delay = () => new Promise<void>((resolve) => setTimeout(resolve, 5));
  const all = await Promise.all(Array.from({ length: 5 }, () => run("whoami", { fetch: counting, delay })));
  assert.deepEqual(
    all.map(({ code, err }) => [code, err]),
    all.map(() => [EXIT.ok, ""]),
  );
  assert.equal(refreshes, 1);
  const after = JSON.parse(readFileSync(file(), "utf8"));
  assert.notEqual(after.refreshToken, before.refreshToken);
  assert.deepEqual(files().length, 1, "no lock is left");
  assert.equal(server.logged("token_refused").length, 0);
});

test("a lock that a dead process has left keeps nobody out", async (t) => {
  const here = await world(t);
  await login(here);
  const kept = JSON.parse(readFileSync(here.file(), "utf8"));
  writeFileSync(here.file(), JSON.stringify({ ...kept, expiresAt: 0 }));
  // Larger than any process id that Linux gives.
  writeFileSync(`${here.file()}.lock`, "99999999");
  assert.equal((await here.run("whoami")).code, EXIT.ok);
});

test("a sign-in that has ended says so, and is forgotten; a role that was taken says what is missing", async (t) => {
  const here = await world(t);
  const { server, run, files } = here;
  await login(here);
  await makeAdministrator(server, "bob");
  const { issuer } = server;
  const authorization = `Bearer ${await machineToken(issuer, "admin", `${issuer}/api`, "users.write")}`;
  const role = `${issuer}/api/v1/${roleOf("alice")}`;
  await exchange(role, { method: "DELETE", headers: { authorization } });
  const refused = await run("keys list");
  assert.equal(refused.code, EXIT.error);
  assert.match(refused.err, /only an administrator/);
  assert.equal(files().length, 1, "the role may come back");
  await exchange(role, { method: "PUT", headers: { authorization } });
  assert.equal((await run("keys list")).code, EXIT.ok);

  await exchange(`${issuer}/api/v1/users/alice/disable`, { method: "POST", headers: { authorization } });
  const over = await run("keys list");
  assert.equal(over.code, EXIT.error);
  assert.match(over.err, /portcullis login/);
  assert.deepEqual(files(), []);
});

test("whoever is no administrator is told so, in the browser and in the terminal, and nothing is kept", async (t) => {
  const here = await world(t);
  const { code, err, page } = await login(here, BOB);
  assert.equal(code, EXIT.error);
  assert.match(err, /access_denied: only an administrator/);
  assert.match(page.body, /You are not signed in/);
  assert.match(page.body, /only an administrator/);
  assert.deepEqual(here.files(), []);
});

test("an answer that is not of this sign-in is refused, and the right one is still taken", async (t) => {
  const here = await world(t);
  const pages: number[] = [];
  const right = signingIn();
  const person = {
    ...right,
    onErr(text: string) {
      const url = /^ {2}(http\S+)$/m.exec(text)?.[1];
      if (url === undefined) return;
      const back = new URL(url).searchParams.get("redirect_uri")!;
      void (async () => {
        pages.push((await exchange(`${back}?code=stolen&state=of-somebody-else`)).status);
        pages.push((await exchange(`${back}?error=access_denied`)).status);
        pages.push((await exchange(new URL("/favicon.ico", back))).status);
        right.onErr(text);
      })();
    },
  };
  const { code, err } = await here.run("login --no-browser", person);
  assert.equal(code, EXIT.ok, err);
  assert.deepEqual(pages, [400, 400, 404]);
});

test("login says what is wrong when nobody comes, nobody answers, or it is interrupted", async (t) => {
  const here = await world(t);
  const nobody = await here.run("login --no-browser --wait 2");
  assert.equal(nobody.code, EXIT.error);
  assert.match(nobody.err, /within 2 s.*--wait/);

  const down = await here.run(`login --issuer http://127.0.0.1:${await freePort()}`);
  assert.equal(down.code, EXIT.error);
  assert.match(down.err, /refuses the connection/);

  const stop = new AbortController();
  const interrupted = await here.run("login --no-browser", {
    signal: stop.signal,
    onErr: (text) => void (/^ {2}http/m.test(text) && stop.abort()),
  });
  assert.equal(interrupted.code, EXIT.interrupted);
  assert.deepEqual(here.files(), []);
});

test("logout deletes nothing while the issuer is away", async (t) => {
  const here = await world(t);
  await login(here);
  const away = () =>
    Promise.reject(Object.assign(new TypeError("fetch failed"), { cause: { code: "ECONNREFUSED" } }));
  const { code } = await here.run("logout", { fetch: away });
  assert.equal(code, EXIT.error);
  assert.equal(here.files().length, 1);
});

test("login opens the browser where there is one, and prints the address all the same", async (t) => {
  const here = await world(t);
  const opened: string[] = [];
  const openBrowser = (url: URL) => opened.push(url.href) > 0;
  const person = signingIn();
  const { code, err } = await here.run("login", { ...person, openBrowser });
  assert.equal(code, EXIT.ok, err);
  assert.ok(err.includes(opened[0]!));
  await here.run("login --no-browser", { ...signingIn(), openBrowser });
  assert.equal(opened.length, 1);
});

test("the app of the command is there without configuration, can be disabled, and is not a name for others", async (t) => {
  const here = await world(t);
  const { issuer } = here.server;
  const scopes = "users.write apps.write";
  const authorization = `Bearer ${await machineToken(issuer, "admin", `${issuer}/api`, scopes)}`;
  await login(here);
  const post = (verb: string) =>
    exchange(`${issuer}/api/v1/apps/portcullis-cli/${verb}`, { method: "POST", headers: { authorization } });
  assert.equal((await post("disable")).status, 200);
  assert.equal((await here.run("keys list")).code, EXIT.error);
  await here.server.restart();
  assert.equal(await here.server.server.oidc.clients.isEnabled("portcullis-cli"), false, "it stays disabled");
  assert.equal((await post("enable")).status, 200);
  assert.equal((await login(here)).code, EXIT.ok);
});
