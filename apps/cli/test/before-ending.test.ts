/** Commands that end something, against the operations that the server says end something. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exchange, json } from "@portcullis/testing/end-to-end";
import { type OpenApi, operationsOf } from "@portcullis/testing/openapi";
import type { Command } from "commander";
import { signIn } from "../../auth-server/test/oidc/app.ts";
import { RESOURCE } from "../../auth-server/test/oidc/server-under-test.ts";
import { createProgram, EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

/** Of people for themselves: what an app of the operator's own does, and no command. */
const OWN_ACCOUNT = "/account/";

/** By operation: the command that calls it; undefined for what no command does. */
const COMMANDS: Readonly<Record<string, string | undefined>> = {
  banUser: "bans add",
  changeApi: "apis update",
  changeApp: "apps update",
  changePolicy: "policies set",
  deleteApi: "apis delete",
  deleteApp: "apps delete",
  deleteUser: "users delete",
  disableApi: "apis disable",
  disableApp: "apps disable",
  disableUser: "users disable",
  endAppToken: "tokens revoke",
  endSession: "sessions end",
  endSessionsOfUser: "sessions end",
  endUserToken: "tokens revoke",
  retireKey: "keys retire",
  revoke: "revoke",
  rotateAppToken: "tokens rotate",
  rotateUserToken: "tokens rotate",
  setPassword: "users password",
  takeRole: undefined,
  updateUser: "users update",
  withdrawConsent: "consents withdraw",
};

function commandAt(path: string): Command {
  const cli = { io: {} as never, json: false, exitCode: 0 };
  return path.split(" ").reduce<Command>((command, name) => {
    const found = command.commands.find((one) => one.name() === name);
    assert.ok(found, `${path}: there is no ${name}`);
    return found;
  }, createProgram(cli));
}

const hasEnding = (operation: object): boolean =>
  (operation as { "x-portcullis-ends"?: boolean })["x-portcullis-ends"] === true;

test("every command that ends something says with --dry-run what it would end, and takes --yes", async (t) => {
  const cli = await cliUnderTest(t);
  const document = json<OpenApi>(await exchange(`${cli.server.issuer}/api/openapi.json`));
  const ending = operationsOf(document).filter(
    ({ path, operation }) => hasEnding(operation) && !path.startsWith(OWN_ACCOUNT),
  );
  const names = ending.map(({ operation }) => operation.operationId).toSorted();
  assert.deepEqual(names, Object.keys(COMMANDS).toSorted(), "name the command of a new ending operation");
  for (const path of Object.values(COMMANDS).filter((path) => path !== undefined)) {
    const flags = commandAt(path).options.map(({ long }) => long);
    for (const flag of ["--dry-run", "--yes"]) assert.ok(flags.includes(flag), `${path} ${flag}`);
  }
});

test("a change of an app or an API asks before it takes something from its users, and not for a name", async (t) => {
  const cli = await cliUnderTest(t);
  for (const [change, name, lost] of [
    [
      `apis update ${RESOURCE} --remove-permission orders.write`,
      `apis update ${RESOURCE} --name Renamed`,
      /\d apps? (?:could|may) ask for it no more\./,
    ],
    [`apps update web --remove-api ${RESOURCE}`, "apps update web --name Renamed", /./],
  ] as const) {
    await signIn(cli.server);
    assert.equal((await cli.run(name)).code, EXIT.ok, "nobody is asked");
    const tried = await cli.run(`${change} --dry-run`);
    assert.match(tried.out, /^Nothing was changed\. It would end at most /, tried.err);
    assert.match(tried.out, lost);
    const refused = await cli.run(change);
    assert.equal(refused.code, EXIT.usage);
    assert.match(refused.err, /(?:for|of) all users\. There is no terminal to ask at: .* add --yes/);
    let question = "";
    const denied = await cli.run(change, {
      async ask(text) {
        question = text;
        return "no";
      },
    });
    assert.deepEqual([denied.code, denied.err], [EXIT.error, "Nothing was changed.\n"]);
    assert.match(question, /at most .* of .* in /);
    const done = await cli.run(`${change} --yes`);
    assert.match(done.out, lost);
    assert.match(done.out, /^Changed: .*, now at revision [34]\..*\nRevoked \(seq \d+\)/, done.err);
  }
});
