import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createHttpServer } from "../sockets/http-server.ts";

/** Whether the process does its work, and what else it says about that. */
export interface Readiness {
  readonly ready: boolean;
  readonly [detail: string]: unknown;
}

export interface ManagementSources {
  /** Rejecting means that it is not ready. */
  readonly readiness: () => Readiness | Promise<Readiness>;
  /** Prometheus text format 0.0.4. */
  readonly metrics: () => string | Promise<string>;
  /** Further pages by their path: what only this process can say. JSON. */
  readonly pages?: Readonly<Record<string, () => object>>;
}

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

type MakePage = () => Page | Promise<Page>;

const JSON_TYPE = "application/json";
const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";
/** Whoever asks is a machine nearby: what takes longer is no request of theirs. */
const REQUEST_TIMEOUT_MS = 10_000;
const MAX_CONNECTIONS = 200;

/** Returns the listener, which does not listen yet. */
export function managementListener({ readiness, metrics, pages: own = {} }: ManagementSources): Server {
  const pages = new Map<string, MakePage>([
    ["/livez", () => json(200, { status: "live", live: true })],
    ["/readyz", () => readinessPage(readiness)],
    ["/metrics", async () => ({ status: 200, type: PROMETHEUS_TYPE, text: await metrics() })],
    ...Object.entries(own).map(([path, value]) => [path, () => json(200, value())] as const),
  ]);
  const server = createHttpServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS, maxHeaderSize: 8192 },
    (request, response) => void answer(request, response, pages),
  );
  server.maxConnections = MAX_CONNECTIONS;
  return server;
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  pages: ReadonlyMap<string, MakePage>,
): Promise<void> {
  const page = await pageFor(request, pages).catch(() => json(500, { error: "internal_error" }));
  response.writeHead(page.status, {
    "content-type": page.type,
    "content-length": Buffer.byteLength(page.text),
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    ...(page.status === 503 ? { "retry-after": "1" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : page.text);
}

async function pageFor(request: IncomingMessage, pages: ReadonlyMap<string, MakePage>): Promise<Page> {
  const makePage = pages.get(request.url!.split("?", 1)[0]!);
  if (makePage === undefined) return json(404, { error: "not_found", pages: [...pages.keys()] });
  if (request.method === "GET" || request.method === "HEAD") return makePage();
  return json(405, { error: "method_not_allowed" });
}

async function readinessPage(readiness: ManagementSources["readiness"]): Promise<Page> {
  const said = await new Promise<Readiness>((resolve) => resolve(readiness())).catch(() => NOT_READY);
  const { ready, ...details } = said;
  return json(ready ? 200 : 503, { status: ready ? "ready" : "not_ready", ready, ...details });
}

const NOT_READY: Readiness = { ready: false };

const json = (status: number, value: object): Page => ({
  status,
  type: JSON_TYPE,
  text: JSON.stringify(value),
});
