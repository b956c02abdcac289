/** Every event that a process writes to its log is explained on a page, where operators look for its name. */
import type { Tree } from "./workspace.ts";

const COMMON = "docs/reference/configuration.md";
const ISSUER = "docs/reference/auth-server-configuration.md";
const VERIFIERS = "docs/reference/gateway-configuration.md";
const RELAY = "docs/reference/relay-configuration.md";

/** By the folder that writes them: on any of these pages. */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  "packages/service/src": [COMMON],
  "packages/http-api/src": [COMMON, ISSUER],
  "packages/feed-server/src": [ISSUER],
  "packages/revocation/src": [VERIFIERS],
  "packages/access-token/src": [VERIFIERS],
  "packages/guard/src": [VERIFIERS],
  "packages/issuer/src": [VERIFIERS],
  "apps/auth-server/src": [COMMON, ISSUER],
  "apps/gateway/src": [COMMON, VERIFIERS],
  "apps/relay/src": [COMMON, VERIFIERS, RELAY],
};

export const unexplainedEvents = (tree: Tree): string[] =>
  Object.entries(PAGES).flatMap(([folder, pages]) => {
    const explained = pages.map((page) => (tree.has(page) ? tree.readText(page) : "")).join("\n");
    return tree
      .filesBelow(folder, /\.ts$/)
      .flatMap((path) => eventsIn(tree.readText(path)).map((name) => ({ path, name })))
      .filter(({ name }) => !explained.includes(`\`${name}\``))
      .map(({ path, name }) => `${path}: the event \`${name}\` is explained on none of ${pages.join(", ")}`);
  });

/** A name as the member of a line, alone or as one of two, and the keys of a table of events. */
function eventsIn(source: string): string[] {
  const members = source.matchAll(/[{,]\s*event: ([^,{}]*)/g);
  const tables = source.matchAll(/^const \w*EVENTS\b[^=]*= \{\n([\s\S]*?)^\}/gm);
  const named = [...members].flatMap(([, value]) => [...value!.matchAll(/"([a-z]+(?:_[a-z]+)*)"/g)]);
  const keys = [...tables].flatMap(([, table]) => [...table!.matchAll(/^ {2}([a-z]+(?:_[a-z]+)*):/gm)]);
  return [...new Set([...named, ...keys].map(([, name]) => name!))];
}
