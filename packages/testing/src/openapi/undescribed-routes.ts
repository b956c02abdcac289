import { type OpenApi, operationsOf } from "./open-api.ts";

export interface Mounted {
  readonly method: string;
  readonly path: string;
}

/** Returns the routes of a server that its document lacks, without those whose path says that they are no API. */
export function undescribedRoutes(
  routes: readonly Mounted[],
  document: OpenApi,
  noApi: readonly RegExp[],
): string[] {
  const described = new Set(
    operationsOf(document).map(({ path, method }) => `${method.toUpperCase()} ${path}`),
  );
  return routes
    .filter(({ path }) => !noApi.some((pattern) => pattern.test(path)))
    .map(({ method, path }) => `${method} ${path}`)
    .filter((route) => !described.has(route));
}

/** Returns the operations that the list of what is no API would hide, if they were not described. */
export const hiddenOperations = (document: OpenApi, noApi: readonly RegExp[]) =>
  operationsOf(document).filter(({ path }) => noApi.some((pattern) => pattern.test(path)));
