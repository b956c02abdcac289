import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { TIME_LIMIT } from "@portcullis/testing";
import { valid } from "../configuration/a-configuration.ts";

const PROGRAM = fileURLToPath(new URL("./program.ts", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "portcullis-process-"));
let running: ChildProcess | undefined;
afterEach(() => void running?.kill("SIGKILL"));
after(() => rmSync(directory, { recursive: true }));

interface Called {
  readonly parameters?: readonly string[];
  readonly environment?: Record<string, string>;
}

function run({ parameters = [], environment = {} }: Called) {
  const env = Object.entries(process.env).filter(([name]) => !name.startsWith("PORTCULLIS_"));
  const child = fork(PROGRAM, parameters, {
    execArgv: ["--conditions=@portcullis/source"],
    silent: true,
    env: { ...Object.fromEntries(env), ...environment },
  });
  running = child;
  const [output, errors] = [text(child.stdout!), text(child.stderr!)];
  const exited = once(child, "exit").then(([code]) => code as number | null);
  return { child, output, errors, exited, ready: once(child, "message").then(([message]) => message) };
}

function file(change: object = {}, name = "program.yaml"): string {
  const path = join(directory, name);
  writeFileSync(path, JSON.stringify({ ...valid(), ...change }));
  return path;
}

const eventsOf = async (errors: Promise<string>) =>
  (await errors)
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; [detail: string]: unknown });

test("--help explains itself, --version says which it is", TIME_LIMIT, async () => {
  const help = run({ parameters: ["--help"] });
  assert.equal(await help.exited, 0);
  for (const part of [
    /^Usage: .*--config FILE/,
    /--check/,
    /--stop-badly +fail when/,
    /PORTCULLIS_LISTEN_PORT/,
    /docs\/reference/,
  ]) {
    assert.match(await help.output, part);
  }
  const version = run({ parameters: ["--version", "--config", "/nowhere"] });
  assert.equal(await version.exited, 0);
  assert.match(await version.output, /^program \d+\.\d+\.\d+\n$/);
});

test("--check starts nothing: one line and 0, or every problem and 1", TIME_LIMIT, async () => {
  const sound = run({ parameters: ["--check", "--config", file()] });
  assert.equal(await sound.exited, 0);
  assert.equal(await sound.output, "program: the configuration is valid\n");
  const wrong = run({ parameters: ["--check", "--config", file({ issuer: "x", colour: 1 }, "wrong.yaml")] });
  assert.equal(await wrong.exited, 1);
  assert.equal(
    await wrong.errors,
    `program: ${join(directory, "wrong.yaml")} has 2 problems:\n  issuer: found "x"; must be a URL\n  colour: is not a setting; remove it\n`,
  );
});

test("called wrongly, it says so in one line and without a stack", TIME_LIMIT, async () => {
  for (const [parameters, expected] of [
    [[], /^program: found no settings; name their file with --config FILE/],
    [["--colour"], /^program: Unknown option '--colour'; --help lists/],
    [["--config", directory], /it is a directory/],
    [["--config", join(directory, "nowhere")], /there is no such file/],
  ] as const) {
    const { errors, exited } = run({ parameters });
    assert.equal(await exited, 1);
    assert.match(await errors, expected);
    assert.equal((await errors).trim().split("\n").length, 1);
  }
});

test("it listens, tells its parent and its log where, and stops when it is told", TIME_LIMIT, async () => {
  const { child, ready, exited, errors } = run({ parameters: ["--config", file()] });
  const { management, ...message } = await ready;
  assert.deepEqual(message, { type: "ready", url: "https://login.example" });
  assert.equal((await fetch(`${management}/readyz`)).status, 200);
  assert.match(await (await fetch(`${management}/metrics`)).text(), /^process_resident_memory_bytes \d/m);
  child.kill("SIGTERM");
  assert.equal(await exited, 0);
  const events = await eventsOf(errors);
  assert.deepEqual(
    events.map(({ event }) => event),
    ["listening", "stopping", "stopped"],
  );
  assert.equal(events[0]!.management, management);
});

test(
  "the file may be named in the environment, and everything may be said there; the log names what was taken",
  TIME_LIMIT,
  async () => {
    const environment = {
      PORTCULLIS_CONFIG: file(),
      PORTCULLIS_ISSUER: "https://other.example",
      PORTCULLIS_ISSUR: "x",
    };
    const { ready, child, errors } = run({ environment });
    assert.equal((await ready).url, "https://other.example");
    child.kill("SIGTERM");
    const [taken, overridden, ignored] = await eventsOf(errors);
    assert.deepEqual(taken!.names, ["PORTCULLIS_ISSUER"]);
    assert.equal(overridden!.event, "setting_overridden");
    assert.equal(ignored!.text, "PORTCULLIS_ISSUR is no setting; did you mean PORTCULLIS_ISSUER?");
  },
);

/** As the reference of the command line has them: a shell in which an operator works. */
const OF_THE_COMMAND = {
  PORTCULLIS_ISSUER: "https://elsewhere.example",
  PORTCULLIS_CLIENT_ID: "admin",
  PORTCULLIS_CLIENT_SECRET: "correct horse",
};

test(
  "started where variables say otherwise than its file, it warns of each, by name",
  TIME_LIMIT,
  async () => {
    const path = file();
    const environment = { ...OF_THE_COMMAND, PORTCULLIS_VERIFIER_CLIENT_SECRET: "battery staple" };
    const { ready, child, errors } = run({ parameters: ["--config", path], environment });
    await ready;
    child.kill("SIGTERM");
    const warnings = (await eventsOf(errors)).filter(({ event }) => event === "setting_overridden");
    assert.deepEqual(
      warnings.map(({ level, setting, variable, file: of }) => [level, setting, variable, of]),
      [
        ["warn", "issuer", "PORTCULLIS_ISSUER", path],
        ["warn", "verifier.clientSecret", "PORTCULLIS_VERIFIER_CLIENT_SECRET", path],
      ],
    );
    assert.equal(
      warnings[0]!.text,
      `PORTCULLIS_ISSUER of the environment is in force, and not what ${path} says of issuer`,
    );
    assert.doesNotMatch(await errors, /correct horse|battery staple|s3cret-s3cret/);
  },
);

test("--check warns of it, too, and the configuration is valid all the same", TIME_LIMIT, async () => {
  const path = file();
  const { exited, output, errors } = run({
    parameters: ["--check", "--config", path],
    environment: OF_THE_COMMAND,
  });
  assert.equal(await exited, 0);
  assert.equal(await output, "program: the configuration is valid\n");
  assert.equal(
    await errors,
    `program: PORTCULLIS_ISSUER of the environment is in force, and not what ${path} says of issuer\n`,
  );
});

test(
  "--check warns before the problems, and of a misspelt variable as a start does",
  TIME_LIMIT,
  async () => {
    const path = file({ colour: 1 }, "problem.yaml");
    const environment = { PORTCULLIS_ISSUER: "https://elsewhere.example", PORTCULLIS_LISTEN_PROT: "1" };
    const { exited, errors } = run({ parameters: ["--check", "--config", path], environment });
    assert.equal(await exited, 1);
    assert.deepEqual((await errors).trim().split("\n"), [
      `program: PORTCULLIS_ISSUER of the environment is in force, and not what ${path} says of issuer`,
      "program: PORTCULLIS_LISTEN_PROT is no setting; did you mean PORTCULLIS_LISTEN_PORT?",
      `program: ${path} has a problem:`,
      "  colour: is not a setting; remove it",
    ]);
  },
);

test("a secret of the environment is in no line", TIME_LIMIT, async () => {
  const environment = { PORTCULLIS_VERIFIER_CLIENT_SECRET: "correct horse" };
  const { ready, child, errors } = run({ parameters: ["--config", file()], environment });
  await ready;
  child.kill("SIGTERM");
  assert.doesNotMatch(await errors, /correct horse/);
});

test("it stops when its parent is gone", TIME_LIMIT, async () => {
  const { child, ready, exited } = run({ parameters: ["--config", file()] });
  await ready;
  child.disconnect();
  assert.equal(await exited, 0);
});

test("failing to stop, it says so and exits with 1", TIME_LIMIT, async () => {
  const { child, ready, exited, errors } = run({ parameters: ["--config", file(), "--stop-badly"] });
  await ready;
  child.kill("SIGTERM");
  assert.equal(await exited, 1);
  const failed = (await eventsOf(errors)).at(-1)!;
  assert.deepEqual(
    [failed.event, (failed.error as { text: string }).text],
    ["stop_failed", "it would not stop"],
  );
});

test("a fault of ours at the start is a line with its place, and 1", TIME_LIMIT, async () => {
  const { exited, errors } = run({ parameters: ["--config", file({ audience: "a bug" }, "bug.yaml")] });
  assert.equal(await exited, 1);
  const [failed] = await eventsOf(errors);
  assert.equal(failed!.event, "start_failed");
  assert.match((failed!.error as { at: string[] }).at[0]!, /program\.ts/);
});
