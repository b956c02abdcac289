import { isLoopback } from "@portcullis/protocol";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { isAskedForByApps } from "../paths.ts";
import { belowIssuer } from "./below-issuer.ts";
import { securityHeaders } from "./security-headers.ts";

/** What people open in a browser, or are led to, and are recognized at by cookies. */
const PAGE = /^\/(?:account(?:\/.*)?)?$/;

/**
 * Leads from another name of this machine to the issuer's: from `http://localhost:8400/account` to
 * `http://127.0.0.1:8400/account`. To a browser these are two sites, and a person would sign in at each. For development
 * alone: an issuer that others can reach is never left for, nor for, a loopback name. Only pages are led away, before the host
 * is pinned; whatever a program asks for is answered as ever.
 */
export function leadToIssuerHost(app: FastifyInstance, issuer: string): void {
  const own = new URL(issuer);
  if (!isLoopback(own.hostname)) return;
  app.addHook("onRequest", async (request, reply) => {
    if (!isPage(request) || !isOtherName(request.host, own)) return;
    const { pathname, search } = new URL(request.url, own);
    const mayBePopup = isAskedForByApps(request.routeOptions.url ?? "");
    return reply
      .headers(securityHeaders({ mayBePopup }))
      .redirect(own.origin + belowIssuer(issuer, pathname) + search, 307);
  });
}

const isPage = ({ method, routeOptions: { url = "" } }: FastifyRequest): boolean =>
  (method === "GET" || method === "HEAD") && (PAGE.test(url) || isAskedForByApps(url));

/** With the issuer's port: at another, somebody else may listen, or a proxy that knows more than we. */
function isOtherName(host: string, own: URL): boolean {
  const asked = URL.parse(`${own.protocol}//${host}`);
  return asked !== null && asked.host !== own.host && asked.port === own.port && isLoopback(asked.hostname);
}
