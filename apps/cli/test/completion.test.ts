/** What the shells are given: tried in bash itself. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { EXIT } from "../src/index.ts";
import { runCommand } from "./cli-under-test.ts";

/** What bash offers for the last word of a line. */
function offered(script: string, line: string): string[] {
  const words = line.split(" ");
  const asking = `${script}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length - 1}
_portcullis
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync("bash", ["-uc", asking], { encoding: "utf8" });
  return text.split("\n").filter((word) => word !== "");
}

test("bash completes names and options, wherever options stand", async () => {
  const { code, out } = await runCommand("completion bash");
  assert.equal(code, EXIT.ok);
  assert.ok(offered(out, "portcullis ").includes("whoami"));
  assert.deepEqual(offered(out, "portcullis log"), ["login", "logout", "log"]);
  assert.deepEqual(offered(out, "portcullis keys r").toSorted(), ["retire", "rotate"]);
  assert.deepEqual(offered(out, "portcullis --json keys --insecure ro"), ["rotate"]);
  assert.deepEqual(offered(out, "portcullis login --no"), ["--no-browser", "--no-color"]);
  assert.deepEqual(offered(out, "portcullis keys rotate --iss"), ["--issuer"]);
  assert.deepEqual(offered(out, "portcullis nonsense x"), []);
});

test("every command that there is can be completed, with its options", async () => {
  const { out } = await runCommand("completion bash");
  const names = (await runCommand("--help")).out.split("\nCommands:\n")[1]!.split("\n\n")[0]!;
  for (const [, name = ""] of names.matchAll(/^ {2}([a-z]+)/gm))
    assert.ok(offered(out, `portcullis ${name}`).includes(name), name);
});

test("zsh and fish have scripts of their own, and another shell is told which there are", async () => {
  assert.match((await runCommand("completion zsh")).out, /^#compdef portcullis\n/);
  assert.match((await runCommand("completion fish")).out, /-n '__portcullis_at "keys"' -f -a rotate$/m);
  const other = await runCommand("completion tcsh");
  assert.equal(other.code, EXIT.usage);
  assert.match(other.err, /bash, zsh, fish/);
});
