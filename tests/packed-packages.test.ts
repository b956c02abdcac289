import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { publishedNamed, publishedPackages } from "../tools/published-packages.ts";

const run = promisify(execFile);
const root = dirname(import.meta.dirname);
const packages = publishedPackages();

/** The Node that the machine itself has: npm runs on it, our scripts do not. */
const hostNode = process.env.npm_node_execpath ?? "/usr/bin/node";

let elsewhere: string;

before(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), "portcullis-packed-"));
  await npm(["run", "pack", "--", "--out", elsewhere], root);
  const dependencies = Object.fromEntries(
    packages.map(({ name, version }) => [name, `file:./${name.slice(1).replace("/", "-")}-${version}.tgz`]),
  );
  await writeFile(join(elsewhere, "package.json"), JSON.stringify({ type: "module", dependencies }));
  // Whatever one of their dependencies asks of Node that `engines` does not say fails here.
  await npm(["install", "--engine-strict", "--no-audit", "--no-fund", "--prefer-offline"], elsewhere);
});

after(() => rm(elsewhere, { recursive: true, force: true }));

async function npm(args: readonly string[], cwd: string): Promise<string> {
  const env = { ...process.env, PATH: `${dirname(hostNode)}${delimiter}${process.env.PATH}` };
  const { stdout } = await run("npm", args, { cwd, env, timeout: 300_000 });
  return stdout;
}

test("the packed packages verify, revoke and deny on the machine's own Node", async () => {
  const script = await readFile(join(import.meta.dirname, "packed-packages", "smoke.mjs"), "utf8");
  await writeFile(join(elsewhere, "smoke.mjs"), script);
  const { stdout } = await run(hostNode, ["smoke.mjs"], { cwd: elsewhere });
  const said = JSON.parse(stdout);
  assert.equal(said.before, "allow");
  assert.equal(said.after, "deny");
  assert.equal(said.status, 401);
  assert.equal(said.reason, "logged_out");
  assert.equal(said.clientLoads, true);
  assert.match(said.node, /^v\d+/);
});

test("the packed packages carry declarations that a strict project compiles against", async () => {
  const program = `
    import { connect, createGuard, type Principal } from "@portcullis/guard";
    import { createAccessTokenVerifier } from "@portcullis/access-token";
    import { createReplica, httpFeed } from "@portcullis/revocation";
    import { attachToReplica, createSharedReplica } from "@portcullis/revocation/threads";
    import { REASONS, type Reason } from "@portcullis/protocol";
    const reason: Reason | undefined = REASONS[0];
    export const subjectOf = (principal: Principal): string => principal.subject;
    export const asInTheReadme = () =>
      connect({
        issuer: "https://login.example.com",
        audience: "https://orders.example.com",
        clientId: "orders",
        clientSecret: process.env.ORDERS_SECRET,
        name: "orders-1",
      });
    export { attachToReplica, createAccessTokenVerifier, createGuard, createReplica, createSharedReplica, httpFeed, reason };
    // @ts-expect-error a principal has no password
    export const wrong = (principal: Principal) => principal.password;
  `;
  await writeFile(join(elsewhere, "use.ts"), program);
  const compilerOptions = {
    module: "NodeNext",
    moduleResolution: "NodeNext",
    target: "ES2022",
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: ["node"],
    typeRoots: [join(root, "node_modules", "@types")],
  };
  await writeFile(join(elsewhere, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const outcome = await run(process.execPath, [tsc, "-p", elsewhere]).catch((error) => error);
  assert.equal(outcome.stdout, "");
});

test("the packed command runs on the machine's own Node", async () => {
  const command = join(elsewhere, "node_modules", ".bin", "portcullis");
  const { stdout } = await run(hostNode, [command, "--version"]);
  assert.equal(stdout.trim(), packages.find(({ name }) => name === "@portcullis/cli")!.version);
  const help = await run(hostNode, [command, "revoke", "--help"]);
  assert.match(help.stdout, /^Usage: portcullis revoke/);
});

test("the command of a checkout runs whatever Node the machine has", async () => {
  const { stdout } = await run(hostNode, [join(root, "node_modules", ".bin", "portcullis"), "--version"]);
  assert.equal(stdout.trim(), "0.1.0");
  const failed = await run(hostNode, [join(root, "node_modules", ".bin", "portcullis"), "nonsense"]).catch(
    (error) => error,
  );
  assert.equal(failed.code, 2);
});

test("npm pack builds a package that was never built, with what it imports", async () => {
  for (const { folder } of publishedNamed(["guard"])) {
    await rm(join(root, folder, "dist"), { recursive: true, force: true });
  }
  const [packed] = JSON.parse(await npm(["pack", "--dry-run", "--json", "-w", "packages/guard"], root));
  const paths = packed.files.map(({ path }: { path: string }) => path);
  for (const path of ["dist/index.js", "dist/index.d.ts", "README.md"]) assert.ok(paths.includes(path), path);
});
