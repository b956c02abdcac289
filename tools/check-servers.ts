/**
 * What the product's own processes may not do by themselves, since one of them would forget what it takes: a server whose
 * sockets outlive a reset, and a log that a stalled reader cannot hold up, come from packages/service; a grant ends where its app
 * is told of it; nothing is deleted by one machine's clock.
 */
import { repository, type Tree } from "./workspace.ts";

interface Rule {
  readonly found: RegExp;
  readonly says: string;
  /** The one place where it is done; and, for the console, the guard in somebody else's process that was given no log. */
  readonly home: RegExp;
}

const RULES: readonly Rule[] = [
  {
    found: /import[^;]*\bcreate(?:Secure)?Server\b[^;]*from\s*["']node:(?:http|https|http2|net|tls)["']/,
    says: "makes a server by itself; use createHttpServer of @portcullis/service, whose sockets survive a reset",
    home: /^packages\/service\/src\/sockets\//,
  },
  {
    found: /\b[Ff]astify\((?![^)]*\bserverFactory: (?:clientAddresses\.watching\()?fastifyServer\b)/,
    says: "makes a Fastify app without serverFactory: fastifyServer (@portcullis/service), so a reset could end it",
    home: /^$/,
  },
  {
    found: /\bprocess\.stderr\b|\bconsole\.\w+\(|\bpino\.destination\(/,
    says: "writes to standard error by itself; write to openStandardError() of @portcullis/service, which waits for nobody",
    home: /^packages\/service\/src\/log\/|^packages\/guard\/src\/console-log\.ts$/,
  },
  {
    found: /\bdeleteFrom\(\s*["'`]oidc_grants\b|\bdelete\s+from\s+["'`]?oidc_grants\b/i,
    says: "deletes grants by itself; use clearGrants (oidc/state/clear-grants.ts), which remembers them and tells their apps",
    // And where sessions go that ran out by themselves long ago: of those nobody is told.
    home: /^apps\/auth-server\/src\/oidc\/state\/(?:clear-grants|prune)\.ts$/,
  },
  {
    found:
      /^(?![\s\S]*\bPruneTime\b)(?=[\s\S]*\bdeleteFrom\()[\s\S]*\bwhere\(\s*["'`](?:\w+\.)?\w*(?:_at|until)["'`],\s*["'`]<=?["'`]/,
    says: "deletes rows by their time and by a clock of its own; let it be a step of storage.pruning, by the PruneTime that it is given (storage/pruning.ts)",
    // An app's expired secrets make way for a new one; a delivery goes when it is made; a life of tokens goes by the shared time.
    home: /^apps\/auth-server\/src\/(?:apps\/client-secrets|outbox\/claims|storage\/log\/token-lifetimes)\.ts$/,
  },
  {
    found: /\bnew PruneTime\(/,
    says: "makes a time of deleting by itself; it is given by storage.pruning.run alone (storage/pruning.ts)",
    home: /^apps\/auth-server\/src\/storage\/pruning\.ts$/,
  },
];

/** Processes that serve, and what they are made of; not what only tests and measurements run. */
const SOURCES = /^(?:apps\/(?!cli\/)|examples\/|packages\/(?!testing\/|client\/))[\w-]*\/?.*\bsrc\//;

export function checkServers(tree: Tree = repository): string[] {
  return ["apps", "examples", "packages"]
    .flatMap((folder) => tree.filesBelow(folder, /\.ts$/))
    .filter((path) => SOURCES.test(path))
    .flatMap((path) => complaintsAbout(path, withoutComments(tree.readText(path))));
}

function complaintsAbout(path: string, text: string): string[] {
  return RULES.filter(({ found, home }) => found.test(text) && !home.test(path)).map(
    ({ says }) => `${path}: ${says}`,
  );
}

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
