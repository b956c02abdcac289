import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = dirname(import.meta.dirname);
const packages = ["protocol", "revocation", "access-token", "guard", "client"];

/** The Node that the machine itself has: npm runs on it, our scripts do not. */
const hostNode = process.env.npm_node_execpath ?? "/usr/bin/node";

let elsewhere: string;

before(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), "portcullis-packed-"));
  const workspaces = packages.flatMap((name) => ["-w", `packages/${name}`]);
  await npm(["pack", "--pack-destination", elsewhere, ...workspaces], root);
  const dependencies = Object.fromEntries(
    packages.map((name) => [`@portcullis/${name}`, `file:./portcullis-${name}-0.1.0.tgz`]),
  );
  await writeFile(join(elsewhere, "package.json"), JSON.stringify({ type: "module", dependencies }));
  await npm(["install", "--no-audit", "--no-fund", "--prefer-offline"], elsewhere);
});

after(() => rm(elsewhere, { recursive: true, force: true }));

async function npm(args: readonly string[], cwd: string): Promise<void> {
  const env = { ...process.env, PATH: `${dirname(hostNode)}${delimiter}${process.env.PATH}` };
  await run("npm", args, { cwd, env, timeout: 180_000 });
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
    export { createAccessTokenVerifier, createGuard, createReplica, httpFeed, reason };
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
