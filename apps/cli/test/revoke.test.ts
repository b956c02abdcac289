import assert from "node:assert/strict";
import test from "node:test";
import { revocationAnswerSchema } from "@portcullis/protocol";
import { signIn } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest, runCommand } from "./cli-under-test.ts";

test("a revocation that a verifier enforces says so and ends well", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const { code, out, err } = await cli.run("revoke subject alice --reason kicked --note 'sent spam'");
  assert.deepEqual([code, err], [EXIT.ok, ""]);
  assert.match(out, /^Revoked \(seq 1\)\. Enforced by 1 of 1 verifier after [\d.]+ m?s\.\n/);
  assert.match(out, /^alice is the user with the sub [\w-]{22}\.$/m);
  const [record] = await cli.server.server.storage.log.read(0, 1);
  assert.deepEqual([record?.scope, record?.reason], ["subject", "kicked"]);
});

test("a revocation that a verifier does not confirm names it, and the time by which it must", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-7f3a", applied: 0 });
  const { code, out } = await cli.run("revoke subject alice --wait 0");
  assert.equal(code, EXIT.pending);
  assert.match(
    out,
    /^Revoked \(seq 1\)\. Pending: 1 of 1 has not confirmed: gateway-7f3a \(client orders, 127\.0\.0\.1\)\. It may still allow it, until (\S+ )?\d\d:\d\d:\d\d at the latest\.\n/,
  );
  const asked = await cli.run("revocations show 1");
  assert.equal(asked.code, EXIT.pending);
  assert.match(asked.out, /gateway-7f3a/);
});

test("machines are given the receipt as it is", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const { code, out } = await cli.run(
    "--json revoke session --foreign --mode stale --wait 0 -- Vt8Vt7mGQf2bqfYkq0hZ0A",
  );
  assert.equal(code, EXIT.pending);
  const { laggards, key, known } = revocationAnswerSchema.parse(JSON.parse(out));
  assert.deepEqual([laggards, key, known], [["gateway-1"], "Vt8Vt7mGQf2bqfYkq0hZ0A", false]);
});

test("every scope takes its key, and without verifiers all is enforced", async (t) => {
  const cli = await cliUnderTest(t);
  const commands = [
    "revoke token x --foreign",
    "revoke subject-client --subject alice --client web",
    `revoke subject-audience alice ${RESOURCE}`,
    `revoke subject-audience --subject ALICE --audience ${RESOURCE}`,
    "revoke subject-organization them acme --foreign",
    "revoke issuer --yes",
    `revoke audience ${RESOURCE} --yes`,
    "revoke client web --yes --quorum",
  ];
  for (const command of commands) {
    const { code, out, err } = await cli.run(command);
    assert.equal(code, EXIT.ok, err);
    assert.match(out, /no verifier holds a lease/);
  }
  const list = JSON.parse((await cli.run("revocations list --json")).out);
  const subject = (await cli.server.server.people.users.findByName("alice"))!.id;
  assert.deepEqual(
    list.revocations.map(({ key }: { key: unknown }) => key),
    [
      "web",
      RESOURCE,
      null,
      { subject: "them", organization: "acme" },
      { subject, audience: RESOURCE },
      { subject, audience: RESOURCE },
      { subject, client: "web" },
      "x",
    ],
  );
});

test("people, apps and APIs may be called so, alone and in pairs", async (t) => {
  const cli = await cliUnderTest(t);
  for (const [words, scope] of [
    ["user alice", "subject"],
    ["app web --yes", "client"],
    [`api ${RESOURCE} --yes`, "audience"],
    ["user-app alice web", "subject-client"],
    [`user-api alice ${RESOURCE}`, "subject-audience"],
  ] as const) {
    const done = await cli.run(`revoke ${words}`);
    assert.equal(done.code, EXIT.ok, done.err);
    const { revocations } = JSON.parse((await cli.run("revocations list --json")).out);
    assert.equal(revocations[0].scope, scope);
  }
  const asked = await cli.run("revoke app web");
  assert.match(asked.err, /every session, grant and token of the client web, for all users/);
});

test("what reaches far is asked about at a terminal, and needs --yes elsewhere", async (t) => {
  const cli = await cliUnderTest(t);
  const refused = await cli.run("revoke client web");
  assert.equal(refused.code, EXIT.usage);
  assert.match(refused.err, /add --yes/);
  const questions: string[] = [];
  const answering = (answer: string) => ({
    ask: async (question: string) => {
      questions.push(question);
      return answer;
    },
  });
  const denied = await cli.run("revoke issuer", answering("y"));
  assert.deepEqual([denied.code, denied.err], [EXIT.error, "Nothing was revoked.\n"]);
  assert.match(questions[0]!, /every access token of this issuer/);
  assert.equal(cli.server.server.storage.log.head(), 0);
  assert.equal((await cli.run("revoke issuer", answering("yes"))).code, EXIT.ok);
  assert.equal(cli.server.server.storage.log.head(), 1);
});

test("what is wrong with a command line is said before anybody is asked", async () => {
  const env = {
    PORTCULLIS_ISSUER: "https://unreachable.invalid",
    PORTCULLIS_CLIENT_ID: "a",
    PORTCULLIS_CLIENT_SECRET: "b",
  };
  const wrong: readonly (readonly [string, RegExp])[] = [
    ["", /Usage: portcullis/],
    ["revoke", /missing required argument 'scope'/],
    ["revoke planet x", /Allowed choices are user, app, api, .*token.*, issuer\./],
    ["revoke constructor x", /Allowed choices are/],
    ["revoke user", /key: found none; say which subject/],
    ["revoke subject", /key: found none; say which subject/],
    ["revoke issuer x", /the scope issuer takes no key/],
    ["revoke subject-client --subject a", /found the user alone; .*needs both/],
    ["revoke subject-client x", /give --subject and --client/],
    ["revoke subject-audience alice", /found the user alone; .*needs both.*give --subject and --audience/],
    ["revoke subject-audience alice --audience x", /beside options that say the same/],
    [
      "revoke subject-audience --subject a --client b",
      /--client: found with the scope subject-audience; it belongs to subject-client/,
    ],
    ["revoke subject-audience alice x y", /too many arguments/],
    ["revoke session x y", /other: found "y"; the scope session takes one key/],
    ["revoke issuer --organization b", /--organization: .* it belongs to subject-organization/],
    ["revoke issuer --foreign", /--foreign: found with the scope issuer/],
    [
      "revoke subject a --client b",
      /--client: found with the scope subject; it belongs to subject-client\. Give the key itself/,
    ],
    ["revoke subject a --wait 31", /whole seconds from 0 to 30/],
    ["revoke subject a --reason bored", /--reason/],
    ["revoke subject a --colour", /unknown option '--colour'/],
    ["revocations list --limit 0", /1 or more/],
    ["revocations show x", /1 or more/],
    ["verifiers --timeout 0", /more than 0/],
    ["verifiers --issuer http://login.example.com", /unencrypted.*Give an https URL/],
    ["verifiers --issuer nonsense", /--issuer: found "nonsense"/],
    ["verifiers --client-secret-file /nonexistent", /--client-secret-file: \/nonexistent cannot be read/],
  ];
  for (const [command, expected] of wrong) {
    const { code, err } = await runCommand(command, { env });
    assert.match(err, expected, command);
    assert.equal(code, EXIT.usage, command);
    const forMachines = await runCommand(`--json ${command}`.trim(), { env });
    assert.deepEqual([forMachines.code, forMachines.out], [EXIT.usage, ""], command);
    const { error, message, ...rest } = JSON.parse(forMachines.err);
    assert.deepEqual([error, rest], ["usage", {}], command);
    if (command !== "") assert.match(message, expected, command);
  }
  for (const name of Object.keys(env)) {
    const { code, err } = await runCommand("verifiers", { env: { ...env, [name]: undefined } });
    assert.equal(code, EXIT.usage);
    assert.match(err, new RegExp(`${name}`));
  }
});

test("how to put a value that begins with - is said where something began with it, and nowhere else", async () => {
  const advice = /Put a value that begins with - at the end, after --\./;
  const { err } = await runCommand(["revoke", "session", "-short"]);
  assert.match(err, advice);
  for (const command of ["revoke planet", "revokes", "verifiers more"])
    assert.doesNotMatch((await runCommand(command)).err, advice, command);
});

test("--json in the place of a key is that key, and makes no JSON of an error", async () => {
  const { code, err } = await runCommand(["revoke", "planet", "--", "--json"]);
  assert.equal(code, EXIT.usage);
  assert.match(err, /^error: .*Allowed choices are user/);
});

test("drawing needs a terminal, unless it is for a machine", async () => {
  const { code, err } = await runCommand("verifiers --watch");
  assert.equal(code, EXIT.usage);
  assert.match(err, /--watch: found no terminal/);
});

test("Ctrl-C and a fault of the command itself are JSON for a machine too", async () => {
  const env = {
    PORTCULLIS_ISSUER: "https://issuer.example",
    PORTCULLIS_CLIENT_ID: "a",
    PORTCULLIS_CLIENT_SECRET: "b",
  };
  const stop = new AbortController();
  const stopping = async () => {
    stop.abort();
    throw new Error("stopped");
  };
  const stopped = await runCommand("verifiers --json", { env, signal: stop.signal, fetch: stopping });
  assert.equal(stopped.code, EXIT.interrupted);
  assert.equal(JSON.parse(stopped.err).error, "interrupted");
  const fault = {
    get PORTCULLIS_ISSUER(): string {
      throw new TypeError("a fault");
    },
  };
  const failed = await runCommand("verifiers --json", { env: fault });
  const { error, message, stack } = JSON.parse(failed.err);
  assert.deepEqual([failed.code, error, message], [EXIT.error, "unexpected", "a fault"]);
  assert.match(stack, /TypeError: a fault\n/);
});

test("who cannot be reached, and who is not let in, is said with what to do", async (t) => {
  const cli = await cliUnderTest(t);
  const saidBy = async (command: string, change: Record<string, string>) => {
    const { code, err } = await cli.run(command, { env: { ...cli.env, ...change } });
    assert.equal(code, EXIT.error, err);
    return err;
  };
  assert.match(
    await saidBy("verifiers", { PORTCULLIS_CLIENT_SECRET: "wrong" }),
    /client admin with this secret/,
  );
  const verifier = {
    PORTCULLIS_CLIENT_ID: "orders",
    PORTCULLIS_CLIENT_SECRET: "orders-secret-0123456789abcdef",
  };
  assert.match(await saidBy("verifiers", verifier), /client orders lacks the scope revocations\.inspect/);
  assert.match(await saidBy("revoke subject a", verifier), /lacks the scope revocations\.write/);
  const auditor = {
    PORTCULLIS_CLIENT_ID: "auditor",
    PORTCULLIS_CLIENT_SECRET: "auditor-secret-0123456789abcdef",
  };
  assert.match(await saidBy("log verify", auditor), /lacks the scope revocations\.read at/);
  assert.match(await saidBy("revocations show 9", {}), /no revocation 9: the newest is 0/);
  const refused = await cli.run("--json revocations list --since yesterday");
  assert.match(JSON.parse(refused.err).message, /since: Must be a time/);
});

test("an issuer that is not there is named", async (t) => {
  const cli = await cliUnderTest(t);
  const { app } = cli.server.server;
  app.server.close();
  app.server.closeAllConnections();
  const { code, err } = await cli.run("verifiers");
  assert.equal(code, EXIT.error);
  assert.match(err, new RegExp(`${cli.server.issuer} refuses the connection`));
});

test("an answer that does not come is not called a failure to revoke", async (t) => {
  const cli = await cliUnderTest(t);
  const { code, err } = await cli.run("revoke subject alice --wait 0 --timeout 2", {
    fetch: async (input, init) => {
      if (!String(input).endsWith("/revocations")) return fetch(input, init);
      return new Promise((_, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal?.reason));
      });
    },
  });
  assert.equal(code, EXIT.error);
  assert.match(err, /did not answer within 2 s.*may be revoked all the same/);
});

test("Ctrl-C while it waits is told apart from success", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const stop = new AbortController();
  const waiting = cli.run("revoke subject alice --wait 20", { signal: stop.signal });
  while (cli.server.server.storage.log.head() < 1) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  const { code, err } = await waiting;
  assert.equal(code, EXIT.interrupted);
  assert.match(err, /may still have done/);
});

test("what is not there is an error that says what was found and what to do", async (t) => {
  const cli = await cliUnderTest(t);
  const unknown: readonly (readonly [string, RegExp])[] = [
    ["revoke subject nobody", /Found "nobody", and no user has that sub/],
    ["revoke session -- Vt8Vt7mGQf2bqfYkq0hZ0A", /no such session here/],
    ["revoke session nosuch", /key: Found "nosuch", which is not a session ID of this server\. Give the sid/],
    ["revoke session 'Vt8Vt7mGQf2bqfYkq0hZ0A '", /key: Found "Vt8Vt7mGQf2bqfYkq0hZ0A ".*22 characters/],
    ["revoke client WEB --yes", /Found "WEB", and there is no such client/],
  ];
  for (const [command, expected] of unknown) {
    const { code, out, err } = await cli.run(command);
    assert.deepEqual([code, out], [EXIT.error, ""], command);
    assert.match(err, expected);
    assert.match(err, / If it is of another issuer, add --foreign\.\n$/, command);
  }
  assert.equal(cli.server.server.storage.log.head(), 0);
});

test("what has ended already says so, with the place of the record that ended it", async (t) => {
  const cli = await cliUnderTest(t);
  const { claims } = await signIn(cli.server);
  assert.match((await cli.run(["revoke", "session", "--", claims.sid])).out, /^Revoked \(seq 1\)\./);
  const again = await cli.run(["revoke", "session", "--", claims.sid]);
  assert.equal(again.code, EXIT.ok);
  assert.match(again.out, /^It had ended already \(seq 1\)\./);
});

test("a jti is taken, and it is said that nobody knows whether there is such a token", async (t) => {
  const cli = await cliUnderTest(t);
  const { code, out } = await cli.run("revoke token -- Vt8Vt7mGQf2bqfYkq0hZ0A");
  assert.equal(code, EXIT.ok);
  assert.match(out, /The server cannot know whether this token exists/);
});
