import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createHttpServer } from "@portcullis/service";
import { renderMetrics } from "./metrics.ts";
import { readStatus, type StatusSources } from "./status.ts";

interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const JSON_TYPE = "application/json";
const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** `/live`: the process answers. `/ready`: it serves requests, so a load balancer may send some. */
export function managementListener(sources: StatusSources): Server {
  const pages = new Map<string, () => Page>([
    ["/live", () => json(200, { live: true })],
    ["/ready", () => readiness(sources)],
    ["/status", () => json(200, readStatus(sources))],
    ["/metrics", () => ({ status: 200, type: PROMETHEUS_TYPE, text: renderMetrics(readStatus(sources)) })],
  ]);
  return createHttpServer({}, (request, response) => send(request, response, pageFor(request, pages)));
}

function pageFor(request: IncomingMessage, pages: ReadonlyMap<string, () => Page>): Page {
  const path = request.url!.split("?", 1)[0]!;
  const page = pages.get(path);
  if (page === undefined) return json(404, { error: "not_found", pages: [...pages.keys()] });
  if (request.method === "GET" || request.method === "HEAD") return page();
  return json(405, { error: "method_not_allowed" });
}

function readiness(sources: StatusSources): Page {
  const { ready, draining, replica } = readStatus(sources);
  return json(ready ? 200 : 503, { ready, draining, replica: replica.state });
}

const json = (status: number, value: object): Page => ({
  status,
  type: JSON_TYPE,
  text: JSON.stringify(value),
});

function send(request: IncomingMessage, response: ServerResponse, page: Page): void {
  response.writeHead(page.status, {
    "content-type": page.type,
    "content-length": Buffer.byteLength(page.text),
    "cache-control": "no-store",
    ...(page.status === 503 ? { "retry-after": "1" } : {}),
  });
  response.end(request.method === "HEAD" ? undefined : page.text);
}
