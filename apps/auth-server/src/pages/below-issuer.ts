/**
 * An issuer with a path (`https://example.com/auth`): everything of this server is below that path. Within, every feature knows
 * its paths as if there were none; here they are taken off what comes in, and put before what goes out. Nothing in front of this server
 * has to take anything off.
 */
import type { IncomingMessage } from "node:http";
import type { FastifyInstance, FastifyReply } from "fastify";

/** Empty for an issuer without one; otherwise it begins with a slash and does not end with one. */
export const pathOfIssuer = (issuer: string): string => new URL(issuer).pathname.replace(/\/$/, "");

/** A path of this server, as browsers have to call it. */
export const belowIssuer = (issuer: string, path: string): string => pathOfIssuer(issuer) + path;

/** RFC 8414, section 3.1: an issuer's path follows this, and does not come before it. */
const METADATA = "/.well-known/oauth-authorization-server";
/** For whoever watches this process itself, and knows nothing of its issuer. */
const HEALTH = /^\/health\/(?:live|ready)(?:\?|$)/;
const ABSOLUTE_FORM = /^https?:\/\/[^/?#]*/i;
/** No route begins like this. */
const NOWHERE = "/.outside-of-the-issuer";

/** Returns the URL as this server's routes know it. What is not below the issuer leads to no route. */
export function urlWithin(issuer: string, url = "/"): string {
  const path = pathOfIssuer(issuer);
  if (path === "") return url;
  const target = url.replace(ABSOLUTE_FORM, "");
  if (isAtOrBelow(target, path)) return slashed(target.slice(path.length));
  if (isAtOrBelow(target, METADATA + path)) return METADATA + target.slice(METADATA.length + path.length);
  return HEALTH.test(target) ? target : NOWHERE;
}

const isAtOrBelow = (target: string, path: string): boolean =>
  target.startsWith(path) && /^(?:[/?]|$)/.test(target.slice(path.length));

const slashed = (target: string): string => (target.startsWith("/") ? target : `/${target}`);

/** Puts the issuer's path before where redirects lead, what cookies are for, and what pages link to. */
export function serveBelowIssuer(app: FastifyInstance, issuer: string): void {
  const path = pathOfIssuer(issuer);
  if (path === "") return;
  app.addHook("onRequest", async ({ raw }) => {
    // The library makes URLs of its own: below this.
    const mounted = raw as IncomingMessage & { baseUrl?: string; originalUrl?: string };
    mounted.baseUrl = path;
    delete mounted.originalUrl;
  });
  app.addHook("onSend", async (_request, reply, payload) => {
    placeHeaders(reply, path);
    const isPage = String(reply.getHeader("content-type") ?? "").startsWith("text/html");
    return isPage && typeof payload === "string" ? placePage(payload, path) : payload;
  });
}

function placeHeaders(reply: FastifyReply, path: string): void {
  const location = reply.getHeader("location");
  if (typeof location === "string" && isOwnPath(location)) reply.header("location", path + location);
  // Not the reply's: cookies are set at the response itself.
  const cookies = reply.raw.getHeader("set-cookie");
  if (Array.isArray(cookies))
    reply.raw.setHeader(
      "set-cookie",
      cookies.map((cookie) => cookie.replace(/; path=(\/[^;]*)/i, (_, own) => `; path=${placed(own, path)}`)),
    );
}

/** Not one of another host, which two slashes begin. */
const isOwnPath = (location: string): boolean => /^\/(?!\/)/.test(location);

/** The cookie of the whole server is for the path itself, as the library sets it. */
const placed = (own: string, path: string): string => (own === "/" ? path : path + own);

/**
 * Links, forms and files of a page, and where it leads on to. What a page shows of others has no quotation mark of its own (html.ts), so that only what our
 * templates wrote is found.
 */
export const placePage = (markup: string, path: string): string =>
  path === "" ? markup : markup.replace(PATH_IN_PAGE, (_, before) => `${before}${path}/`);

/** The last is of a page that leads on by itself. */
const PATH_IN_PAGE = /( (?:href|action|src)="| content="0; url=)\/(?!\/)/g;
