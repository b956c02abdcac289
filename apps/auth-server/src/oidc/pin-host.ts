import type { FastifyInstance, FastifyRequest } from "fastify";

const FORWARDED = [
  "forwarded",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-forwarded-for",
];

/**
 * The library builds URLs (discovery, redirects, form actions) out of the Host header. Whoever sends the request
 * chooses that header: so it is replaced by the issuer's before anything reads it, and what proxies add is dropped.
 */
export function pinHost(app: FastifyInstance, issuer: string): void {
  const { host, protocol } = new URL(issuer);
  app.addHook("onRequest", async ({ raw }: FastifyRequest) => {
    for (const name of FORWARDED) delete raw.headers[name];
    raw.headers.host = host;
    // The one forwarded header that the library is let to see, from us: whether cookies are `Secure`.
    raw.headers["x-forwarded-proto"] = protocol.slice(0, -1);
  });
}
