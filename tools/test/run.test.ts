import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { chmod, copyFile, cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterEach, beforeEach, test } from "node:test";
import { isRunning, until } from "@portcullis/testing/end-to-end";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis run "));
  await mkdir(join(folder, "tools"));
  await copyFile(join(import.meta.dirname, "..", "run.mjs"), join(folder, "tools", "run.mjs"));
  await writeFile(join(folder, "package-lock.json"), "{}");
  await writeFile(join(folder, "tools", "start.ts"), `process.stdout.write("started\\n");`);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const inFolder = (...names: string[]): string => join(folder, ...names);

/** A program named npm, first on the PATH, that does what the lines say. */
async function npmThat(...lines: string[]): Promise<void> {
  await mkdir(inFolder("bin"), { recursive: true });
  await writeFile(inFolder("bin", "npm"), ["#!/bin/sh", ...lines, ""].join("\n"));
  await chmod(inFolder("bin", "npm"), 0o755);
}

const INSTALL = [
  "echo install >> installs",
  "mkdir -p node_modules/node/bin",
  `ln -sf "${process.execPath}" node_modules/node/bin/node`,
];

function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  const { npm_lifecycle_event: _, ...rest } = process.env;
  return { ...rest, PATH: `${inFolder("bin")}:/usr/bin:/bin`, ...more };
}

async function runVerb(env = environment(), words: readonly string[] = ["start"]) {
  const child = spawn(process.execPath, ["tools/run.mjs", ...words], { cwd: folder, env });
  const [output, errors, [status]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "exit"),
  ]);
  return { status, output, errors };
}

test("installs once, and runs the verb from a path with spaces", async () => {
  await npmThat(...INSTALL);
  for (const _ of [1, 2]) {
    const { status, output, errors } = await runVerb();
    assert.equal(output, "started\n", errors);
    assert.equal(status, 0);
  }
  assert.equal(await readFile(inFolder("installs"), "utf8"), "install\n");
});

test("installs again after another lock file, and after an install that was cut off", async () => {
  await npmThat(...INSTALL);
  await runVerb();
  await writeFile(inFolder("package-lock.json"), '{"other":1}');
  await npmThat(...INSTALL, "kill -9 $$");
  const cutOff = await runVerb();
  assert.equal(cutOff.status, 1);
  assert.match(cutOff.errors, /npm ci failed/);
  await npmThat(...INSTALL);
  assert.equal((await runVerb()).output, "started\n");
  assert.equal(await readFile(inFolder("installs"), "utf8"), "install\n".repeat(3));
});

test("says so when there is no npm", async () => {
  await mkdir(inFolder("bin"));
  await symlink("/bin/sh", inFolder("bin", "sh"));
  const { status, errors } = await runVerb(environment({ PATH: inFolder("bin") }));
  assert.equal(status, 1);
  assert.match(errors, /There is no npm on the PATH/);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  test(`ends the install, and starts nothing, when it gets ${signal} meanwhile`, async () => {
    await npmThat(...INSTALL, "echo $$ > npm.pid", "exec sleep 600");
    const child = spawn(process.execPath, ["tools/run.mjs", "start"], { cwd: folder, env: environment() });
    const ended = Promise.all([text(child.stdout), once(child, "exit")]);
    const npm = await pidIn("npm.pid");
    child.kill(signal);
    const [output, [status]] = await ended;
    assert.equal(output, "");
    assert.equal(status, signal === "SIGINT" ? 130 : 143);
    assert.ok(!isRunning(npm));
    assert.ok(!existsSync(inFolder("node_modules", ".portcullis-lock")));
  });
}

test("ends the install, and starts nothing, when the npm that called it is gone meanwhile", async () => {
  await npmThat(...INSTALL, "echo $$ > npm.pid", "exec sleep 600");
  const script = `"${process.execPath}" tools/run.mjs start > output & echo $! > run.pid; wait`;
  const env = environment({ npm_lifecycle_event: "start" });
  const caller = spawn("/bin/sh", ["-c", script], { cwd: folder, env, stdio: "ignore" });
  const [run, npm] = [await pidIn("run.pid"), await pidIn("npm.pid")];
  caller.kill("SIGKILL");
  await until(() => !isRunning(npm) && !isRunning(run), { what: "the end of both" });
  assert.equal(await readFile(inFolder("output"), "utf8"), "");
});

const pidIn = (name: string): Promise<number> =>
  until(async () => Number(await readFile(inFolder(name), "utf8")) || undefined, { what: name });

test("tells how each verb is used before anything is installed", async () => {
  await npmThat(...INSTALL);
  await cp(join(import.meta.dirname, "..", "usage"), inFolder("tools", "usage"), { recursive: true });
  const manifest = await readFile(join(import.meta.dirname, "..", "..", "package.json"), "utf8");
  const scripts = Object.entries(JSON.parse(manifest).scripts as Record<string, string>);
  const verbs = scripts
    .filter(([, script]) => script.startsWith("node tools/run.mjs "))
    .map(([verb]) => verb);
  assert.ok(verbs.length >= 9);
  for (const verb of verbs) {
    const { status, output } = await runVerb(environment(), [verb, "--help"]);
    assert.equal(status, 0);
    assert.match(output, new RegExp(`^Usage: npm (run )?${verb}\\b`));
  }
  assert.ok(!existsSync(inFolder("installs")));
});
