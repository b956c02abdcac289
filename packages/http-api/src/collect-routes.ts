import type { FastifyInstance, RouteOptions } from "fastify";
import type { MountedDeclaration } from "./mount-routes.ts";

export interface MountedRoute {
  readonly method: string;
  /** As OpenAPI writes it, without a slash at its end. */
  readonly path: string;
  /** Undefined for what is no API of ours: pages, endpoints of a library. */
  readonly declaration: MountedDeclaration | undefined;
}

/** Returns the list of all routes that are mounted from now on, which grows with them. Called before the first is. */
export function collectRoutes(app: FastifyInstance): readonly MountedRoute[] {
  const found = new Map<string, MountedRoute>();
  const routes: MountedRoute[] = [];
  app.addHook("onRoute", (route) => {
    if (route.config?.refusesMethod === true) return;
    for (const mounted of mountedOf(route)) {
      const key = `${mounted.method} ${mounted.path}`;
      // A mount's own path comes twice: with a slash at its end, and without.
      if (found.has(key)) continue;
      found.set(key, mounted);
      routes.push(mounted);
    }
  });
  return routes;
}

function mountedOf({ method, url, config }: RouteOptions): MountedRoute[] {
  const path = url.replace(/:(\w+)/g, "{$1}").replace(/(?<=.)\/$/, "");
  return [method].flat().map((one) => ({ method: one, path, declaration: config?.declaration }));
}
