import type { FastifyInstance, FastifyRequest } from "fastify";

const FORWARDED = [
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-for",
];

const ABSOLUTE_FORM = /^https?:\/\/[^/]*/i;

/**
 * The library builds URLs (discovery, redirects, form actions) out of the request: out of the Host header, or out of
 * the request target when that is a whole URL (RFC 9112, section 3.2.2). Whoever sends the request chooses both: so the
 * issuer's host takes their place before anything reads them, and what proxies add is dropped.
 */
export function pinHost(app: FastifyInstance, issuer: string): void {
  const { host, protocol } = new URL(issuer);
  app.addHook("onRequest", async ({ raw }: FastifyRequest) => {
    for (const name of FORWARDED) delete raw.headers[name];
    raw.headers.host = host;
    raw.url = raw.url?.replace(ABSOLUTE_FORM, "");
    dropHostOf(raw);
    // The one forwarded header that the library is let to see, from us: whether cookies are `Secure`.
    raw.headers["x-forwarded-proto"] = protocol.slice(0, -1);
  });
}

/** The target as it was sent, which the server keeps where it routes by another spelling of it: the library prefers that one. */
function dropHostOf(raw: FastifyRequest["raw"] & { originalUrl?: string }): void {
  if (raw.originalUrl !== undefined) raw.originalUrl = raw.originalUrl.replace(ABSOLUTE_FORM, "");
}
