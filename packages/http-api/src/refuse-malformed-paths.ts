/**
 * A path with an escape that is none (`/users/%ff`) names nothing. Fastify answers it before any route is found, in a form of its own, and
 * hooks, log and counters never hear of it. So the path is read with each `%` taken as it stands, which leads to the same route, and that
 * answers in its own form: a page for a browser, a problem of its API for a caller.
 */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance } from "fastify";
import { ProblemsError } from "./problems.ts";

/** As long as Node lets the head of a request be. A parameter of a path that is longer would get an answer in Fastify's form, too. */
export const MAX_PARAMETER_CHARACTERS = 16 * 1024;

/** Returns the URL as the router reads it: `rewriteUrl` of a Fastify whose paths are refused by `refuseMalformedPaths`. */
export function routedUrlOf({ url = "/" }: IncomingMessage): string {
  const [path, query] = splitAtQuery(url);
  return isWellFormed(path) ? url : path.replaceAll("%", "%25") + query;
}

/** Answers 400 to them, before anything else is asked. To be called before other hooks are added. */
export function refuseMalformedPaths(app: FastifyInstance): void {
  app.addHook("onRequest", async ({ originalUrl }) => {
    if (!isWellFormed(splitAtQuery(originalUrl)[0])) throw new ProblemsError([MALFORMED_PATH]);
  });
}

const MALFORMED_PATH = {
  field: "path",
  message: "Has a % that begins no character in UTF-8. Write a % itself as %25.",
};

function splitAtQuery(url: string): readonly [path: string, query: string] {
  const at = url.search(/[?#]/);
  return at === -1 ? [url, ""] : [url.slice(0, at), url.slice(at)];
}

function isWellFormed(path: string): boolean {
  if (!path.includes("%")) return true;
  try {
    decodeURIComponent(path);
    return true;
  } catch {
    return false;
  }
}
