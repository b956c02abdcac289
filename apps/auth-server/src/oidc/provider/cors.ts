/**
 * What pages of apps may read of our endpoints (Fetch, section 3.3). The library names the page's origin in its answers, and refuses a
 * client that asks from an origin which is none of its own. The rest is here.
 */
import type { FastifyInstance } from "fastify";
import type { KoaContextWithOIDC } from "oidc-provider";
import { LIBRARY_PATHS, ROUTES } from "../../paths.ts";
import { isOriginOf } from "./app-origins.ts";

/** Paths that scripts call, and people do not visit. */
const CALLED: ReadonlySet<string> = new Set(
  Object.entries(LIBRARY_PATHS)
    .filter(([, methods]) => methods.includes("OPTIONS"))
    .map(([path]) => path),
);
/** Of these, where an answer is for one client. The others are for everybody, and need no credentials. */
const FOR_CLIENTS: ReadonlySet<string> = new Set([
  ROUTES.token,
  ROUTES.userinfo,
  ROUTES.revocation,
  ROUTES.introspection,
  ROUTES.pushed_authorization_request,
]);

/** Around all that the library does, and around what fails before it has looked at the request. */
export async function openToApps(ctx: KoaContextWithOIDC, next: () => Promise<void>): Promise<void> {
  await next();
  if (ctx.status === 503 && CALLED.has(ctx.path)) showFailure(ctx);
  allowCredentials(ctx);
}

/** Without it a page would see that its request failed, and neither why nor when to come again. */
function showFailure(ctx: KoaContextWithOIDC): void {
  ctx.vary("Origin");
  if (ctx.response.get("access-control-allow-origin") === "") ctx.set("Access-Control-Allow-Origin", "*");
  ctx.append("Access-Control-Expose-Headers", "Retry-After");
}

/**
 * For scripts that send cookies along whether they have any or not, as keycloak-js does at the token endpoint: a browser keeps the
 * answer from them unless it allows that. No answer depends on a cookie. It is allowed to an origin of the client, and in the
 * answer to a preflight request, which names no client; the request that follows does.
 */
function allowCredentials(ctx: KoaContextWithOIDC): void {
  const origin = ctx.get("origin");
  const isShown = origin !== "" && ctx.response.get("access-control-allow-origin") === origin;
  if (!isShown || !FOR_CLIENTS.has(ctx.path)) return;
  const client = ctx.oidc?.client;
  const isAllowed = client === undefined ? ctx.method === "OPTIONS" : isOriginOf(client, origin);
  if (isAllowed) ctx.set("Access-Control-Allow-Credentials", "true");
}

/** For what this server refuses before the library is asked: too many requests, or a method that a path has not. */
export function showRefusals(app: FastifyInstance): void {
  app.addHook("onSend", async (request, reply) => {
    if (!CALLED.has(request.routeOptions.url ?? "")) return;
    reply.headers({
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "Retry-After",
    });
  });
}
