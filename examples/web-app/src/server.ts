import { fileURLToPath } from "node:url";
import fastifyStatic from "@fastify/static";
import { isLoopback } from "@portcullis/protocol";
import { fastifyServer } from "@portcullis/service";
import { build, stop } from "esbuild";
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from "fastify";
import { type Configuration, pageConfigOf } from "./configuration.ts";

export interface WebAppOptions {
  readonly configuration: Configuration;
  /** Default: nothing is logged. */
  readonly log?: FastifyBaseLogger;
}

export async function createWebApp({ configuration, log }: WebAppOptions): Promise<FastifyInstance> {
  const { origin } = configuration;
  const script = await bundlePage();
  const headers = securityHeaders(configuration);
  const app = Fastify({
    serverFactory: fastifyServer,
    ...(log === undefined ? { logger: false } : { loggerInstance: log }),
    // One line a request, below: without query, where codes are.
    logController: new LogController({ disableRequestLogging: true }),
    requestTimeout: 30_000,
  });
  logRequests(app);
  app.addHook("onRequest", (request, reply, done) => {
    const elsewhere = otherSpelling(request.host, origin);
    if (elsewhere) reply.redirect(origin + request.url, 307);
    else done();
  });
  app.addHook("onSend", async (_request, reply) => void reply.headers(headers));
  await app.register(fastifyStatic, {
    root: pathOf("../public/"),
    cacheControl: false,
    serveDotFiles: false,
  });
  app.get("/app.js", (_request, reply) => reply.type("text/javascript; charset=utf-8").send(script));
  app.get("/config.json", () => pageConfigOf(configuration));
  // The page itself takes the response out of its address.
  app.get("/callback", (_request, reply) => reply.sendFile("index.html"));
  return app;
}

function logRequests(app: FastifyInstance): void {
  app.addHook("onError", async (request, _reply, error) => {
    if ((error.statusCode ?? 500) >= 500) request.log.error({ event: "request_failed", error });
  });
  app.addHook("onResponse", async (request, reply) => {
    const { method, routeOptions } = request;
    request.log.info({ event: "request", method, route: routeOptions.url, status: reply.statusCode });
  });
}

/**
 * Whether this machine was asked for under another of its names: `localhost`, where the redirect URIs say `127.0.0.1`. To a
 * browser that is another site, and signing in would end at an error. Of a name that is no loopback, a proxy knows more than we.
 */
function otherSpelling(host: string, origin: string): boolean {
  const own = new URL(origin);
  return host !== own.host && isLoopback(own.hostname) && isLoopback(hostnameOf(host));
}

const hostnameOf = (host: string): string =>
  URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : "";

const pathOf = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

async function bundlePage(): Promise<string> {
  const result = await build({
    entryPoints: [pathOf("page/main.ts")],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    minify: true,
    legalComments: "none",
    conditions: ["@portcullis/source"],
    logLevel: "silent",
  });
  // Its helper process would live as long as this server.
  await stop();
  return result.outputFiles[0]!.text;
}

/** Nothing inline, nothing from elsewhere, nobody frames it; calls go to the issuer and the gateway only. */
function securityHeaders({ issuer, gateway }: Configuration): Record<string, string> {
  const policy = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": `'self' ${new URL(issuer).origin} ${new URL(gateway).origin}`,
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
  };
  return {
    "content-security-policy": Object.entries(policy)
      .map(([directive, sources]) => `${directive} ${sources}`)
      .join("; "),
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
  };
}
