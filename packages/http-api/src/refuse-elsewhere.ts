/** What is answered where nothing is declared: 405 at a path that has other methods, 404 at a path that has none. */
import type { FastifyInstance } from "fastify";
import { createErrorHandler, type ErrorHandlerOptions } from "./error-forms.ts";
import { httpApiError } from "./errors.ts";

interface Place {
  readonly method: string;
  /** As OpenAPI writes it. */
  readonly path: string;
}

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of what only refuses. `collectRoutes` leaves it out. */
    readonly refusesMethod?: true;
  }
}

/** Answers 405 with `Allow` (RFC 9110, section 15.5.6) to the methods that a path of these routes does not have. */
export function refuseOtherMethods(app: FastifyInstance, places: readonly Place[]): void {
  for (const path of new Set(places.map((place) => place.path))) {
    const allowed = methodsAt(path, places);
    refuseMethodsBut(allowed, { app, url: urlOf(path) });
  }
}

interface RefusingPath {
  readonly app: FastifyInstance;
  /** As Fastify writes it. */
  readonly url: string;
}

/** Before the body is read: whatever it is, it changes nothing. */
export function refuseMethodsBut(allowed: readonly string[], { app, url }: RefusingPath): void {
  const allow = allowed.join(", ");
  app.route({
    method: app.supportedMethods.filter((method) => !allowed.includes(method)),
    url,
    exposeHeadRoute: false,
    config: { refusesMethod: true },
    async onRequest(request, reply) {
      reply.header("allow", allow);
      throw httpApiError("method_not_allowed", { text: `Found ${request.method}; this path has ${allow}.` });
    },
    handler: () => undefined,
  });
}

/** Answers 404 in the form of the mount, below its prefix. Whoever mounts without a prefix says itself what is unknown. */
export function refuseUnknownPaths(app: FastifyInstance, options: ErrorHandlerOptions): void {
  const answer = createErrorHandler(options);
  app.setNotFoundHandler((request, reply) => answer(httpApiError("not_found"), request, reply));
}

/** Returns a path as Fastify writes it. */
export const urlOf = (path: string): string => (path === "" ? "/" : path.replace(/\{(\w+)\}/g, ":$1"));

/** Those of a path with a parameter count too where it covers this one: `GET /users/{user}` answers `GET /users/import`. */
const methodsAt = (path: string, places: readonly Place[]): string[] => [
  ...new Set(places.filter((place) => covers(place.path, path)).map(({ method }) => method)),
];

function covers(pattern: string, path: string): boolean {
  const [expected, found] = [pattern.split("/"), path.split("/")];
  if (expected.length !== found.length) return false;
  return expected.every((part, at) => part === found[at] || part.includes("{"));
}
