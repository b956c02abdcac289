import { readFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { addAppsVerbs, addUsersVerbs } from "./commands/change-state.ts";
import { addKeysList } from "./commands/keys-list.ts";
import { addKeysRetire } from "./commands/keys-retire.ts";
import { addKeysRotate } from "./commands/keys-rotate.ts";
import { addLogDeclareLoss } from "./commands/log-declare-loss.ts";
import { addLogVerify } from "./commands/log-verify.ts";
import { addRevocationsList } from "./commands/revocations-list.ts";
import { addRevocationsShow } from "./commands/revocations-show.ts";
import { addRevocationsWatch } from "./commands/revocations-watch.ts";
import { addRevoke } from "./commands/revoke.ts";
import { addVerifiers } from "./commands/verifiers.ts";
import type { Cli } from "./session.ts";

const MAX_TIMEOUT_SECONDS = 3600;

/** All verbs; each adds itself. */
export function createProgram(cli: Cli): Command {
  const { io } = cli;
  const program = new Command("portcullis")
    .description("Revoke tokens, sessions and access, and see that every verifier enforces it.")
    .version(versionOf(), "--version", "print the version")
    .helpOption("-h, --help", "print what a command does, and its options")
    .helpCommand(false)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      // For a machine run.ts says it, as every other error.
      writeErr: (text) => void (cli.json || io.stderr.write(text)),
      getOutHelpWidth: () => (io.isTerminal ? io.columns() : 100),
      getErrHelpWidth: () => (io.isTerminal ? io.columns() : 100),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .configureHelp({ showGlobalOptions: false })
    .showHelpAfterError("Add --help for what there is. A value that begins with - goes last, after --.")
    .option("--issuer <url>", "authorization server (or PORTCULLIS_ISSUER)")
    .option("--client-id <id>", "client to act as (or PORTCULLIS_CLIENT_ID)")
    .option("--client-secret-file <file>", "file with its secret (or PORTCULLIS_CLIENT_SECRET)")
    .option("--insecure", "allow plain http to another machine")
    .option("--json", "print JSON for machines")
    .option("--no-color", "no colours (or NO_COLOR)")
    .option("--timeout <seconds>", "how long an answer may take", parseTimeout, 10)
    .addHelpText("after", EXAMPLES);
  addRevoke(program, cli);
  const revocations = program.command("revocations").description("see what was revoked").helpCommand(false);
  addRevocationsList(revocations, cli);
  addRevocationsShow(revocations, cli);
  addRevocationsWatch(revocations, cli);
  addVerifiers(program, cli);
  addUsersVerbs(program.command("users").description("disable and enable users").helpCommand(false), cli);
  addAppsVerbs(program.command("apps").description("disable and enable apps").helpCommand(false), cli);
  const keys = program.command("keys").description("see, rotate and retire signing keys").helpCommand(false);
  addKeysList(keys, cli);
  addKeysRotate(keys, cli);
  addKeysRetire(keys, cli);
  const log = program.command("log").description("prove the log, or void it").helpCommand(false);
  addLogVerify(log, cli);
  addLogDeclareLoss(log, cli);
  return program;
}

const EXAMPLES = `
Options of the program go before or after the command.

Examples:
  export PORTCULLIS_ISSUER=https://login.example.com PORTCULLIS_CLIENT_ID=admin PORTCULLIS_CLIENT_SECRET=...
  portcullis revoke session Vt8Vt7mGQf2bqfYkq0hZ0A --reason kicked --note "lost phone"
  portcullis revocations watch
  portcullis verifiers
  portcullis log verify

Exit codes: 0 done, 1 error, 2 usage, 3 revoked but not yet enforced everywhere, 4 the log or a verifier differs.`;

function parseTimeout(text: string): number {
  const seconds = Number(text);
  if (seconds > 0 && seconds <= MAX_TIMEOUT_SECONDS) return seconds;
  throw new InvalidArgumentError(`Give seconds, more than 0 and at most ${MAX_TIMEOUT_SECONDS}.`);
}

function versionOf(): string {
  const manifest = readFileSync(new URL("../package.json", import.meta.url), "utf8");
  return (JSON.parse(manifest) as { version: string }).version;
}
