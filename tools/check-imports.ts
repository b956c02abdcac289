/**
 * Imports run one way (docs/decisions/0005-import-direction.md). This prints the import that breaks the rule:
 * a workspace that may not be imported, a relative path that leaves its workspace, a Node module where there
 * must be no I/O, a transport in what every request goes through, test support outside tests, a migration that imports
 * what lives, files that import each other in a circle, a workspace that no rule is about, or a file of an app that
 * imports what stands above or beside it.
 */
import { dirname, join } from "node:path";
import { complaintsAboutFloors } from "./check-floors.ts";
import { repository, type Tree } from "./workspace.ts";

/** Workspace folder -> the @portcullis packages that its sources may import. */
const ALLOWED: Record<string, readonly string[]> = {
  "packages/protocol": [],
  "packages/revocation": ["protocol"],
  "packages/access-token": ["protocol"],
  "packages/issuer": ["protocol"],
  "packages/guard": ["access-token", "revocation", "issuer", "protocol"],
  "packages/client": ["protocol"],
  "packages/service": ["protocol"],
  "packages/testing": ["protocol"],
  "packages/http-api": ["protocol"],
  "packages/feed-server": ["http-api", "revocation", "protocol"],
  "apps/auth-server": [
    "feed-server",
    "http-api",
    "guard",
    "access-token",
    "revocation",
    "service",
    "protocol",
  ],
  "apps/gateway": ["guard", "revocation", "service", "protocol"],
  "apps/relay": ["feed-server", "http-api", "guard", "revocation", "service", "protocol"],
  "apps/cli": ["revocation", "issuer", "protocol"],
  "examples/orders-service": ["guard", "access-token", "issuer", "service"],
  "examples/web-app": ["client", "service", "protocol"],
  simulation: ["feed-server", "http-api", "guard", "access-token", "revocation", "protocol"],
  faults: ["testing", "revocation", "protocol"],
  bench: [
    "auth-server",
    "feed-server",
    "relay",
    "gateway",
    "guard",
    "access-token",
    "revocation",
    "protocol",
  ],
  // The references of settings come from what the processes read them with.
  tools: [
    "protocol",
    "service",
    "auth-server",
    "gateway",
    "relay",
    "example-orders-service",
    "example-web-app",
  ],
  tests: ["protocol", "guard", "access-token", "revocation", "client"],
};

/** They measure, or simulate, parts that a server does not export. */
const USES_INSIDES = ["bench", "simulation"];

/** Without Node: they run in browsers too. */
const NO_NODE = ["packages/protocol", "packages/client"];

/** What a request goes through, whichever entry it came by (docs/decisions/0031-entries.md). */
const KNOWS_NO_TRANSPORT =
  /^apps\/gateway\/src\/(?:steps\/|(?:pipeline|decision-core|exchange|answer|answer-writer|access-log)\.ts$)/;
const TRANSPORT = /^(?:(?:node:)?(?:http|https|http2|net|tls|dgram|stream)(?:\/|$)|undici(?:\/|$))/;

const MIGRATION = /\/storage\/migrations\/\d{4}-[\w-]+\.ts$/;
/** A released migration does for ever what it did: Kysely, Node, and the migrations before it. */
const FROZEN = /^(?:kysely(?:\/|$)|node:|\.\/\d{4}-)/;

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']|\bimport\s*\(?\s*["']([^"']+)["']/g;
const isTest = (path: string): boolean => /(^|\/)tests?\//.test(path);

export function checkImports(tree: Tree = repository): string[] {
  const files = Object.keys(ALLOWED).flatMap((workspace) =>
    tree
      .filesBelow(workspace, /\.tsx?$/)
      .map((path) => ({ workspace, path, imports: importsOf(tree.readText(path)) })),
  );
  const complaints = files.flatMap(({ workspace, path, imports }) =>
    imports.flatMap((specifier) => complaintAbout(workspace, path, specifier) ?? []),
  );
  const graph = new Map(files.map(({ path, imports }) => [path, relativeTargets(tree, path, imports)]));
  // What a migration may import is told above, with its reason.
  const onFloors = files.filter(({ path }) => !MIGRATION.test(path));
  return [...unruled(tree), ...complaints, ...complaintsAboutFloors(onFloors), ...circles(graph)];
}

function unruled(tree: Tree): string[] {
  return ["packages", "apps", "examples"]
    .flatMap((folder) => tree.filesBelow(folder, /^package\.json$/))
    .map(dirname)
    .filter((workspace) => !Object.hasOwn(ALLOWED, workspace))
    .map((workspace) => `${workspace}: say in tools/check-imports.ts what it may import`);
}

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => (match[1] ?? match[2])!);
}

function complaintAbout(workspace: string, path: string, specifier: string): string | undefined {
  if (MIGRATION.test(path) && !FROZEN.test(specifier)) {
    return `${path}: imports ${specifier}, which may change; a migration keeps a copy of what it needs`;
  }
  if (KNOWS_NO_TRANSPORT.test(path) && TRANSPORT.test(specifier)) {
    return `${path}: imports ${specifier}, but knows no transport; what a step needs of one is in exchange.ts`;
  }
  if (specifier.startsWith(".")) return leavesWorkspace(workspace, path, specifier);
  if (specifier.startsWith("node:") && NO_NODE.includes(workspace) && !isTest(path)) {
    return `${path}: imports ${specifier}, but ${workspace} runs in browsers too`;
  }
  const name = /^@portcullis\/([\w-]+)/.exec(specifier)?.[1];
  if (name === undefined || workspace.endsWith(`/${name}`)) return undefined;
  if (name === "testing" && (isTest(path) || workspace === "bench")) return undefined;
  if (isTest(path) || ALLOWED[workspace]!.includes(name)) return undefined;
  return `${path}: imports ${specifier}; ${workspace} may import only ${ALLOWED[workspace]!.join(", ") || "nothing"}`;
}

function leavesWorkspace(workspace: string, path: string, specifier: string): string | undefined {
  const target = join(dirname(path), specifier);
  const within = target.startsWith(`${workspace}/`) || isTest(path) || USES_INSIDES.includes(workspace);
  return within ? undefined : `${path}: reaches out of its workspace with ${specifier}`;
}

function relativeTargets(tree: Tree, path: string, imports: readonly string[]): string[] {
  return imports
    .filter((specifier) => specifier.startsWith("."))
    .map((specifier) => join(dirname(path), specifier))
    .filter((target) => tree.has(target));
}

function circles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) {
      found.push(`these import each other in a circle: ${[...trail.slice(start), path].join(" -> ")}`);
      return;
    }
    if (done.has(path)) return;
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return found;
}
