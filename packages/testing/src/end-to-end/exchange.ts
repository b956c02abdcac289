import { type Agent, type IncomingHttpHeaders, request } from "node:http";
import { text } from "node:stream/consumers";
import { PATIENCE_MS } from "../patience.ts";

export interface Exchange {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** `performance.now()` before the request was written. */
  readonly sentAt: number;
  /**
   * `performance.now()` when the head of the answer was read: the answer had started by then. Whatever is sent later comes after it.
   * Of two answers on two sockets it does not tell which was sent first: a process that was busy reads the sockets in the order of
   * its kernel's list, in which one that has just been connected may stand before one that had its bytes long ago.
   */
  readonly answeredAt: number;
}

export interface ExchangeOptions {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | URLSearchParams;
  readonly agent?: Agent;
  readonly timeoutMs?: number;
}

/**
 * One HTTP exchange over `node:http`, and not over `fetch`: header values go out exactly as written. No agent means a
 * connection of its own: a server that was killed and started again is never met through a dead kept-alive socket.
 */
export async function exchange(url: string | URL, options: ExchangeOptions = {}): Promise<Exchange> {
  const body = options.body?.toString();
  const form = options.body instanceof URLSearchParams;
  const sentAt = performance.now();
  const outgoing = request(url, {
    method: options.method ?? (body === undefined ? "GET" : "POST"),
    agent: options.agent ?? false,
    signal: AbortSignal.timeout(options.timeoutMs ?? PATIENCE_MS),
    headers: {
      ...(form && { "content-type": "application/x-www-form-urlencoded" }),
      ...(body !== undefined && { "content-length": String(Buffer.byteLength(body)) }),
      ...options.headers,
    },
  });
  return new Promise((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      const answeredAt = performance.now();
      const head = { status: incoming.statusCode!, headers: incoming.headers, sentAt, answeredAt };
      text(incoming).then((received) => resolve({ ...head, body: received }), reject);
    });
    outgoing.end(body);
  });
}

export const json = <T = Record<string, unknown>>(answer: Exchange): T => JSON.parse(answer.body) as T;

export const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** `WWW-Authenticate: Bearer a="b", c="d"` as an object; undefined if there is no Bearer challenge. */
export function challengeOf(answer: Pick<Exchange, "headers">): Record<string, string> | undefined {
  const header = answer.headers["www-authenticate"];
  if (header === undefined || !/^Bearer\b/i.test(header)) return undefined;
  const parameters = header.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g);
  return Object.fromEntries(
    [...parameters].map(([, name, value]) => [name!, value!.replace(/\\(.)/g, "$1")]),
  );
}
