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
const PAGE = join(dirname(fileURLToPath(import.meta.url)), "../../../docs/reference/cli.md");

function start(args: readonly string[], env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, ["--conditions=@portcullis/source", MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
  });
  return { child, out: () => out, exited: once(child, "exit").then(([code]) => code as number) };
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

function commandPaths(): string[][] {
  const io = { stdout: { write: () => true }, stderr: { write: () => true } };
  const program = createProgram({ io: io as never, exitCode: 0 });
  const below = (command: Command, path: string[]): string[][] => [
    path,
    ...command.commands.flatMap((child) => below(child, [...path, child.name()])),
  ];
  return below(program, []);
}
