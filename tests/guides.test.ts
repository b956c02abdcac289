import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { promisify } from "node:util";
import { freePortBlock, nodeCommand, type ServerProcess, startProcess } from "@portcullis/testing/end-to-end";

const run = promisify(execFile);
const root = new URL("..", import.meta.url).pathname;
const folders: string[] = [];
after(() => Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true }))));

async function newFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-guide-"));
  folders.push(folder);
  return folder;
}

/** The fenced blocks of a page whose fence has a name behind the language. */
async function blocksOf(page: string): Promise<ReadonlyMap<string, readonly string[]>> {
  const blocks = new Map<string, string[]>();
  const text = await readFile(join(root, page), "utf8");
  for (const [, name, content] of text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)) {
    blocks.set(name!, [...(blocks.get(name!) ?? []), content!]);
  }
  return blocks;
}

async function until(process: ServerProcess, isThere: (line: string) => boolean): Promise<void> {
  for await (const line of createInterface({ input: process.child.stdout! })) if (isThere(line)) return;
  throw new Error(`ended before it was ready:\n${process.errors()}`);
}

test("the guide to the first service works as it is written, but for its ports", async () => {
  const [data, folder, portBase] = [await newFolder(), await newFolder(), await freePortBlock(6)];
  const here = (text: string): string =>
    text.replaceAll(":8400", `:${portBase}`).replaceAll("8500", String(portBase + 5));
  const blocks = await blocksOf("docs/guides/first-service.md");
  const launch = () =>
    startProcess(nodeCommand("tools/start.ts", "--json", "--data", data, "--port-base", String(portBase)), {
      cwd: root,
      stdio: ["ignore", "pipe", "pipe"],
    });
  const first = launch();
  await until(first, (line) => line.startsWith("{"));
  await first.stop();

  const file = join(data, "config", "auth-server.json");
  const configuration = JSON.parse(await readFile(file, "utf8"));
  for (const part of ["resources", "clients"]) {
    configuration[part].push(...blocks.get(part)!.map((block) => JSON.parse(here(block))));
  }
  await writeFile(file, JSON.stringify(configuration));
  const second = launch();
  await until(second, (line) => line.startsWith("{"));

  // What `npm install` of the packed packages does is tried by packed-packages.test.ts.
  await symlink(join(root, "node_modules"), join(folder, "node_modules"));
  await writeFile(join(folder, "notes.mjs"), here(blocks.get("notes.mjs")![0]!));
  const service = startProcess([process.execPath, join(folder, "notes.mjs")], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  await until(service, (line) => line.startsWith("Notes: "));
  const script = here(blocks.get("call")![0]!).trimEnd().split("\n").join("\necho ----\n");
  const { stdout } = await run("bash", ["-euo", "pipefail", "-c", script]);
  const [, called, revoked, refused] = stdout.split("----\n");
  assert.match(called!, /^HTTP\/1\.1 200 .*"for":"notes-reader"/s);
  assert.match(revoked!, /portcullis-receipt: [^\n]*state=enforced/);
  assert.match(refused!, /^HTTP\/1\.1 401 .*"reason":"revoked"/s);
  await service.stop();
  await second.stop();
});
