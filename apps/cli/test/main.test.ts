import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import type { Command } from "commander";
import { createProgram, EXIT } from "../src/index.ts";
import { cliUnderTest, runCommand } from "./cli-under-test.ts";

const MAIN = join(dirname(fileURLToPath(import.meta.url)), "../src/main.ts");
const MANIFEST = join(dirname(fileURLToPath(import.meta.url)), "../package.json");
const PAGE = join(dirname(fileURLToPath(import.meta.url)), "../../../docs/reference/cli.md");

function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ["--conditions=@portcullis/source", MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [out, err] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text) => {
    err += text;
  });
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  return {
    child,
    out: () => out,
    err: () => err,
    exited: once(child, "close").then(([code]) => code as number),
  };
}

test("the program itself revokes, and ends with the code of what came of it", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const revoke = start(["revoke", "subject", "alice", "--wait", "0"], cli.env);
  assert.equal(await revoke.exited, EXIT.pending);
  assert.match(revoke.out(), /^Revoked \(seq 1\)\. Pending: /);
  assert.equal(await start(["revoke"], cli.env).exited, EXIT.usage);
});

test("Ctrl-C ends a watch cleanly", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.run("revoke subject alice");
  const watch = start(["revocations", "watch", "--from", "1"], cli.env);
  t.after(() => watch.child.kill("SIGKILL"));
  while (!watch.out().includes("seq 1")) await once(watch.child.stdout, "data");
  watch.child.kill("SIGINT");
  assert.equal(await watch.exited, EXIT.ok);
});

test("the reference has the help of every command as it is", async () => {
  const page = readFileSync(PAGE, "utf8");
  for (const path of commandPaths()) {
    const { code, out } = await runCommand([...path, "--help"].join(" "));
    assert.equal(code, EXIT.ok);
    const block = `\`\`\`text\n$ portcullis ${[...path, "--help"].join(" ")}\n${out.trimEnd()}\n\`\`\``;
    assert.ok(page.includes(block), `docs/reference/cli.md lacks, or has differently:\n${block}`);
  }
});

test("the help of every command has an example, says what it needs, and where the common options are", async () => {
  for (const path of commandPaths()) {
    const name = ["portcullis", ...path].join(" ");
    const { out } = await runCommand([...path, "--help"]);
    assert.match(out, new RegExp(`^Examples:\\n(?:.*\\n)*?  ${name}(?: |$)`, "m"), name);
    assert.match(out, /\bNeeds (?:a client|the scopes?|the account|the sign-in) /, name);
    assert.match(
      out,
      path.length === 0 ? /^ {2}--issuer /m : /^Options of all commands.*: portcullis --help$/m,
      name,
    );
  }
});

test("every command prints its help, and the version, and ends well", async () => {
  const version = JSON.parse(readFileSync(MANIFEST, "utf8")).version;
  for (const path of commandPaths()) {
    for (const also of [[], ["--json"]]) {
      const help = await runCommand([...path, ...also, "--help"]);
      assert.deepEqual([help.code, help.err], [EXIT.ok, ""], path.join(" "));
      assert.match(help.out, new RegExp(`^Usage: ${["portcullis", ...path].join(" ")}`));
      const printed = await runCommand([...path, ...also, "--version"]);
      assert.deepEqual(
        [printed.code, printed.err, printed.out],
        [EXIT.ok, "", `${version}\n`],
        path.join(" "),
      );
    }
  }
});

test("the program itself prints help and version without an issuer, and tells a machine what is wrong", async () => {
  const help = start(["keys", "--help"], {});
  assert.equal(await help.exited, EXIT.ok);
  assert.match(help.out(), /^Usage: portcullis keys /);
  const wrong = start(["revoke", "planet", "--json"], {});
  assert.equal(await wrong.exited, EXIT.usage);
  assert.equal(JSON.parse(wrong.err()).error, "usage");
});

function commandPaths(): string[][] {
  const io = { stdout: { write: () => true }, stderr: { write: () => true } };
  const program = createProgram({ io: io as never, json: false, exitCode: 0 });
  const below = (command: Command, path: string[]): string[][] => [
    path,
    ...command.commands.flatMap((child) => below(child, [...path, child.name()])),
  ];
  return below(program, []);
}
