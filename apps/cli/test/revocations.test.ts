import assert from "node:assert/strict";
import test from "node:test";
import type { RevocationEntry } from "@portcullis/protocol";
import { signIn } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { type CliUnderTest, cliUnderTest } from "./cli-under-test.ts";

const seqsOf = (out: string): number[] => JSON.parse(out).revocations.map(({ seq }: RevocationEntry) => seq);

const appendSubjects = (cli: CliUnderTest, ...keys: string[]) =>
  cli.server.server.storage.write(async (transaction) =>
    transaction.append(
      keys.map((key) => ({ scope: "subject", mode: "kill", reason: "revoked", key, actor: "admin" })),
    ),
  );

test("revocations are listed for people, and what others wrote cannot touch the terminal", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.run("revoke subject alice --note '\u001b[31mred\u0007\nline' --foreign");
  await cli.run("revoke subject-client --subject alice --client web --mode stale --foreign");
  const { code, out, err } = await cli.run("revocations list");
  assert.deepEqual([code, err], [EXIT.ok, ""]);
  const [header, ...lines] = out.trimEnd().split("\n");
  assert.match(header!, /^SEQ +REVOKED +SCOPE +KEY +MODE +REASON +BY +NOTE$/);
  assert.match(lines[0]!, /^ +2 .* subject-client +alice at Demo shop +stale +claims_changed +admin$/);
  await cli.run("revoke subject-audience alice https://api.example.com --foreign");
  await cli.run("revoke subject-organization alice acme --foreign");
  const pairs = (await cli.run("revocations list --limit 2")).out;
  assert.match(pairs, /subject-audience +alice at https:\/\/api.example.com +kill/);
  assert.match(pairs, /subject-organization +alice in acme +kill/);
  assert.match(lines[1]!, /^ +1 .* subject +alice +kill +revoked +admin +red +line$/);
});

test("a table fits its terminal, and is whole elsewhere", async (t) => {
  const cli = await cliUnderTest(t);
  const long = "x".repeat(120);
  await cli.run(`revoke subject ${long} --foreign`);
  assert.match((await cli.run("revocations list")).out, new RegExp(long));
  const narrow = await cli.run("revocations list --no-color", { isTerminal: true, columns: () => 90 });
  for (const line of narrow.out.trimEnd().split("\n")) assert.ok(line.length <= 90, line);
  assert.match(narrow.out, /xx…/);
});

test("a list has as many as were asked for, over all pages, and says how to see more", async (t) => {
  const cli = await cliUnderTest(t);
  await appendSubjects(cli, ...Array.from({ length: 1203 }, (_, at) => `s${at}`));
  const few = await cli.run("revocations list --limit 2");
  assert.match(few.err, /--before 1202, or --all/);
  assert.equal(few.out.trimEnd().split("\n").length, 3);
  assert.deepEqual(
    seqsOf((await cli.run("revocations list --limit 2 --before 1202 --json")).out),
    [1201, 1200],
  );
  assert.equal(seqsOf((await cli.run("revocations list --limit 700 --json")).out).length, 700);
  const all = JSON.parse((await cli.run("revocations list --all --json")).out);
  assert.deepEqual([all.head, all.revocations.length, all.next], [1203, 1203, undefined]);
});

test("revocations are searched by every filter", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.run("revoke subject alice --reason banned --foreign");
  await cli.run("revoke session alice --foreign");
  await cli.run("revoke subject-client --subject alice --client web --foreign");
  const found = async (filters: string) => seqsOf((await cli.run(`revocations list ${filters} --json`)).out);
  assert.deepEqual(await found("--key alice"), [2, 1]);
  assert.deepEqual(await found("--key alice --scope session"), [2]);
  assert.deepEqual(await found("--subject alice --client web"), [3]);
  assert.deepEqual(await found("--reason banned --actor admin --mode kill"), [1]);
  await cli.run("revoke subject-audience alice web --foreign");
  assert.deepEqual(await found("--subject alice --audience web"), [4]);
  assert.deepEqual(await found("--subject alice --organization web"), []);
  assert.deepEqual(await found("--since 2200-01-01T00:00:00Z"), []);
  assert.deepEqual(await found("--until 2200-01-01T00:00:00Z"), [4, 3, 2, 1]);
  assert.match((await cli.run("revocations list --key bob")).out, /No revocation matches/);
  assert.match((await cli.run("revocations list --subject alice")).err, /client: Is needed beside subject/);
});

test("what was revoked of a user is found by every name of the user", async (t) => {
  const cli = await cliUnderTest(t);
  assert.equal((await cli.run("users disable alice")).code, EXIT.ok);
  assert.equal((await cli.run("revoke subject-client --subject alice --client web")).code, EXIT.ok);
  const found = async (...filters: string[]) =>
    seqsOf((await cli.run(["revocations", "list", ...filters, "--json"])).out);
  const { key } = JSON.parse((await cli.run("revocations show 1 --json")).out).revocation;
  for (const name of [key, "alice", "ALICE", "alice@example.com"]) {
    assert.deepEqual(await found(`--key=${name}`), [2, 1], name);
    assert.deepEqual(await found(`--key=${name}`, "--scope=subject"), [1], name);
    assert.deepEqual(await found(`--subject=${name}`, "--client=web"), [2], name);
  }
  assert.deepEqual(await found("--key=alice", "--scope=session"), []);
});

/** Everything that may be revoked of alice, and of an app and an API that are then deleted; and something of bob. */
async function revokeAllKinds(cli: CliUnderTest) {
  const { claims } = await signIn(cli.server);
  const gone = "https://gone.example";
  for (const command of [
    ["apis", "create", gone, "--name", "Gone"],
    ["apps", "create", "gone", "--type", "service", "--name", "Gone app"],
    ["bans", "add", "alice", "--api", RESOURCE, "--reason", "left"],
    ["revoke", "subject-audience", "alice", gone],
    ["revoke", "subject-client", "--subject", "alice", "--client", "gone"],
    ["roles", "give", "alice", "administrator"],
    ["roles", "give", "bob", "administrator"],
    ["roles", "take", "alice", "administrator"],
    ["revoke", "subject", "bob", "--mode", "stale"],
    ["revoke", "grant", `--`, String(claims.gid)],
    ["revoke", "session", `--`, String(claims.sid)],
    ["users", "disable", "alice"],
    ["apis", "delete", gone, "--yes"],
    ["apps", "delete", "gone", "--yes"],
  ]) {
    const { code, err } = await cli.run(command);
    assert.equal(code, EXIT.ok, `${command.join(" ")}: ${err}`);
  }
  return claims;
}

test("all that was revoked of a user is found by name, and named so that nobody needs an id", async (t) => {
  const cli = await cliUnderTest(t);
  const claims = await revokeAllKinds(cli);
  const json = JSON.parse((await cli.run("revocations list --key alice --json")).out);
  assert.deepEqual(
    json.revocations.map(({ scope }: RevocationEntry) => scope),
    [
      "subject",
      "session",
      "grant",
      ...["audience", "client", "audience", "audience"].map((one) => `subject-${one}`),
    ],
  );
  const { out, err } = await cli.run("revocations list --key alice");
  for (const line of [
    / subject +alice +kill +user_disabled +admin$/m,
    / session +of alice +kill /m,
    / grant +of alice at Demo shop +kill /m,
    / subject-client +alice at Gone app +kill /m,
    / subject-audience +alice at https:\/\/gone\.example +kill /m,
    / subject-audience +alice at http:\S+\/api +stale /m,
  ]) {
    assert.match(out, line);
  }
  for (const id of [claims.sub, claims.sid, claims.gid]) assert.ok(!out.includes(String(id)), out);
  assert.match(err, /all is listed but single tokens/);
  const two = seqsOf((await cli.run("revocations list --key alice --limit 2 --json")).out);
  assert.deepEqual(two, seqsOf(JSON.stringify(json)).slice(0, 2), "the newest, whatever the scope");
});

test("who is deleted is found by the username of before, and still named", async (t) => {
  const cli = await cliUnderTest(t);
  const { claims } = await signIn(cli.server);
  assert.equal((await cli.run("users delete alice --note left")).code, EXIT.ok);
  const { out } = await cli.run("revocations list --key alice");
  assert.match(out, / subject +alice +kill +account_deleted +admin +left$/m);
  assert.ok(!out.includes(claims.sub), out);
  assert.match((await cli.run("revocations show 1")).out, /^ {2}key +alice$/m);
});

test("who has revoked is shown by name", async (t) => {
  const cli = await cliUnderTest(t);
  const { sub } = JSON.parse((await cli.run("users show bob --json")).out);
  await cli.server.server.storage.write(async (transaction) =>
    transaction.append([{ scope: "subject", mode: "kill", reason: "revoked", key: "x", actor: sub }]),
  );
  assert.match((await cli.run("revocations list")).out, / revoked +bob$/m);
  assert.match((await cli.run("revocations show 1")).out, /^ {2}by +bob$/m);
  assert.equal(JSON.parse((await cli.run("revocations show 1 --json")).out).revocation.actor, sub);
});

test("one revocation is shown with how far it has got", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  await cli.run("revoke subject alice --note 'lost phone' --foreign");
  const { code, out } = await cli.run("revocations show 1 --wait 10");
  assert.equal(code, EXIT.ok);
  for (const line of [
    /^Revocation 1$/m,
    /key +alice/,
    /by +admin/,
    /note +lost phone/,
    /^Enforced by 1 of 1/m,
  ]) {
    assert.match(out, line);
  }
  const status = JSON.parse((await cli.run("revocations show 1 --json")).out);
  assert.deepEqual([status.revocation.key, status.receipt.state], ["alice", "enforced"]);
});

/** Runs `watch` until it has printed something that matches; gives all that it printed. */
function watching(cli: CliUnderTest, args = "") {
  const stop = new AbortController();
  const seen = { out: "", err: "" };
  const waiters = new Set<() => void>();
  const told = (name: "out" | "err") => (text: string) => {
    seen[name] += text;
    for (const look of waiters) look();
  };
  const ended = cli.run(`revocations watch ${args}`.trim(), {
    signal: stop.signal,
    onOut: told("out"),
    onErr: told("err"),
  });
  return {
    until: (name: "out" | "err", expected: RegExp) =>
      new Promise<void>((resolve, reject) => {
        const look = () => expected.test(seen[name]) && resolve();
        waiters.add(look);
        look();
        void ended.then(({ err }) => reject(new Error(`ended: ${err}`)), reject);
      }),
    async stop() {
      stop.abort();
      return await ended;
    },
  };
}

test("watching prints what is committed, and ends cleanly", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.run("revoke subject before --foreign");
  const watch = watching(cli, "--from 1");
  await watch.until("out", /seq 1 {2}kill subject before {2}\(revoked by admin\)/);
  await cli.run("revoke session alice --mode stale --note why --foreign");
  await watch.until("out", /seq 2 {2}stale session alice {2}\(claims_changed by admin: why\)/);
  const { code, out, err } = await watch.stop();
  assert.deepEqual([code, err], [EXIT.ok, ""]);
  assert.equal(out.trimEnd().split("\n").length, 2);
});

test("watching survives a restart of the server, tells all once, and says that it was away", async (t) => {
  const cli = await cliUnderTest(t);
  const watch = watching(cli, "--json --from 1");
  await appendSubjects(cli, "a");
  await watch.until("out", /"key":"a"/);
  await cli.server.restart();
  await appendSubjects(cli, "b", "c");
  await watch.until("out", /"key":"c"/);
  await watch.until("err", /Connected again; going on after seq 1/);
  const { out, err } = await watch.stop();
  assert.match(err, /^Connection lost \(.*\); trying again in 1 s\./);
  const seqs = out
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).seq);
  assert.deepEqual(seqs, [1, 2, 3]);
});
