/** How the first administrator comes to be: by a link in the log, or by the configuration. */
import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { json, type Page, PlainBrowser } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import { begin, claimsOf, ok, passPages, redeem } from "../oidc/app.ts";
import { ALICE, type ServerUnderTest } from "../oidc/server-under-test.ts";
import {
  call,
  isAdministrator,
  makeAdministrator,
  parametersFor,
  startAdministered,
} from "../roles/administration.ts";

let server: ServerUnderTest;
afterEach(() => server.stop());

const ROOT = {
  username: "root",
  name: "Root User",
  password: "correct horse battery",
  repeated: "correct horse battery",
};
type Fields = Partial<typeof ROOT>;

const links = () => server.logged("no_administrator").map(({ link }) => String(link));

const open = (link: string, browser = new PlainBrowser()) => browser.open(link);

async function fill(link: string, fields: Fields = {}, browser = new PlainBrowser()): Promise<Page> {
  const page = await browser.open(link);
  assert.equal(page.status, 200, page.body);
  return browser.submit(page, page.forms[0]!, { fill: { ...ROOT, ...fields } });
}

describe("a server without an administrator", () => {
  it("shows a link in its log, by which one is made, who signs in and administers", async () => {
    server = await startAdministered();
    const [link] = links();
    const browser = new PlainBrowser();
    const landed = await fill(link!, {}, browser);
    assert.equal(landed.url.pathname, "/account");
    assert.match(landed.body, /value="root"/, "the name is filled in already");
    assert.match(landed.body, /role="status">The administrator is made\./);
    assert.doesNotMatch((await browser.open(landed.url)).body, /is made/, "it is said once");
    assert.deepEqual(
      server.logged("administrator_made").map(({ level, username }) => [level, username]),
      [["info", "root"]],
    );
    assert.equal(await isAdministrator(server, "root"), true);
    const attempt = begin(server.issuer, parametersFor(server));
    const callback = await passPages(new PlainBrowser(), attempt.url, ROOT);
    const tokens = ok(await redeem(server.issuer, attempt, callback));
    assert.equal((await call(server, "keys", { token: tokens.access_token })).status, 200);
    assert.equal(claimsOf(tokens.id_token).sub, claimsOf(tokens.access_token).sub);
  });

  it("accepts a link once, and none once there is an administrator", async () => {
    server = await startAdministered();
    await server.restart();
    const [first, second] = links();
    assert.notEqual(first, second);
    assert.equal((await open(first!)).status, 200, "that of the start before is good too");
    await fill(second!);
    for (const link of [first!, second!]) {
      const page = await open(link);
      assert.equal(page.status, 404);
      assert.match(page.body, /setup_link_spent/);
      assert.equal(page.headers["referrer-policy"], "no-referrer");
      const token = new URL(link).pathname.split("/").at(-1)!;
      assert.equal(server.log.filter((line) => line.includes(token)).length, 1, "the line that shows it");
    }
    await server.restart();
    assert.equal(links().length, 2, "a server that has an administrator shows no link");
  });

  it("makes one administrator, however many people use their links at once", async () => {
    server = await startAdministered();
    await server.restart();
    const used = links();
    const landed = await Promise.all(
      [...used, ...used].map((link, at) => fill(link, { username: `root${at}` }).catch(() => undefined)),
    );
    assert.equal(landed.filter((page) => page?.url.pathname === "/account").length, 1);
    const rows = await server.server.storage.read.selectFrom("user_roles").selectAll().execute();
    assert.equal(rows.length, 1);
  });

  it("accepts no link once a day has passed, nor one that was never made, nor one once the API has made an administrator", async () => {
    server = await startAdministered();
    assert.equal((await open(`${server.issuer}/setup/AAAAAAAAAAAAAAAAAAAAAA`)).status, 404);
    const [link] = links();
    await makeAdministrator(server, "alice");
    assert.equal((await open(link!)).status, 404);
    await server.stop();
    server = await startAdministered();
    server.advance(24 * 60 * 60 * 1000 + 1);
    assert.equal((await open(links()[0]!)).status, 404);
  });

  it("says what is wrong with each field, keeps what was typed in, and spends nothing by it", async () => {
    server = await startAdministered();
    const [link] = links();
    const wrong = await fill(link!, { username: "a@b", name: "", password: "short", repeated: "other" });
    assert.equal(wrong.url.href, link);
    for (const password of [" ".repeat(8), "pass\tword-x"])
      assert.match(
        (await fill(link!, { ...ROOT, password, repeated: password })).body,
        /id="password-problem"/,
      );
    for (const name of ["\u200d", "Root\u202eresU"])
      assert.match((await fill(link!, { ...ROOT, name })).body, /id="name-problem"/);
    for (const field of ["username", "name", "password"])
      assert.match(wrong.body, new RegExp(`id="${field}-problem"`));
    assert.match(wrong.body, /value="a@b"/);
    assert.doesNotMatch(wrong.body, /value="short"/);
    const unequal = await fill(link!, { repeated: "correct horse batterz" });
    assert.match(unequal.body, /id="repeated-problem"/);
    const taken = await fill(link!, { username: "Alice" });
    assert.match(taken.body, /Somebody has this username/);
    assert.equal(await isAdministrator(server, "alice"), false);
    assert.equal((await fill(link!)).url.pathname, "/account");
  });

  it("takes no form from a page of somebody else, and hashes nothing for a link that is not good", async () => {
    server = await startAdministered();
    const [link] = links();
    const headers = { "sec-fetch-site": "cross-site" };
    const body = new URLSearchParams(ROOT);
    const foreign = await new PlainBrowser().request(link!, { method: "POST", body, headers });
    assert.equal(foreign.status, 403);
    const bad = await new PlainBrowser().request(`${server.issuer}/setup/none`, { method: "POST", body });
    assert.equal(bad.status, 404);
  });
});

describe("two servers without an administrator", () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  before(async () => {
    postgres = await startPostgres({ fsync: false });
  });
  after(() => postgres.stop());

  it("make one of all who use their links at once, at either of them", async () => {
    const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
    server = await startAdministered((document) => Object.assign(document, { database }));
    const other = await server.startAnother();
    const used = links();
    assert.equal(new Set(used).size, 2, "each has shown one");
    const landed = await Promise.all(
      [...used, ...used].flatMap((link, at) =>
        [undefined, other].map(async (via) => {
          const browser = new PlainBrowser();
          browser.via = via;
          const fields = { username: `root${at}${via === undefined ? "here" : "there"}` };
          return fill(link, fields, browser).catch(() => undefined);
        }),
      ),
    );
    assert.equal(landed.filter((page) => page?.url.pathname === "/account").length, 1);
    const { read } = server.server.storage;
    assert.equal((await read.selectFrom("user_roles").selectAll().execute()).length, 1);
    const made = read.selectFrom("users").select("username").where("username_key", "like", "root%");
    assert.equal((await made.execute()).length, 1, "nobody else was made");
  });
});

describe("a server whose configuration names the administrator", () => {
  const admin = { username: "root", password: ROOT.password };

  it("makes him at its first start, and shows no link", async () => {
    server = await startAdministered((document) => Object.assign(document, { admin }));
    assert.deepEqual(links(), []);
    assert.equal(server.logged("administrator_made").length, 1);
    assert.equal(await isAdministrator(server, "root"), true);
    const callback = await passPages(
      new PlainBrowser(),
      begin(server.issuer, parametersFor(server)).url,
      admin,
    );
    assert.ok(callback.searchParams.has("code"));
    await server.restart();
    assert.equal(server.logged("administrator_made").length, 1);
    assert.deepEqual(server.logged("users_of_file_ignored"), []);
  });

  it("gives the role to a user who is there, and leaves the password", async () => {
    const named = { username: "Alice", password: "another password of the file" };
    server = await startAdministered((document) => Object.assign(document, { admin: named }));
    assert.equal(await isAdministrator(server, "alice"), true);
    const callback = await passPages(
      new PlainBrowser(),
      begin(server.issuer, parametersFor(server)).url,
      ALICE,
    );
    assert.ok(callback.searchParams.has("code"));
  });

  it("makes nobody once there is an administrator", async () => {
    let configured: object = {};
    server = await startAdministered((document) => {
      configured = document;
    });
    await makeAdministrator(server, "alice");
    Object.assign(configured, { admin });
    await server.restart();
    assert.equal(json<{ status: number }>(await call(server, "users/root/roles")).status, 404);
  });
});
