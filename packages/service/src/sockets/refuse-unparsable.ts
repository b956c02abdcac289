/** Fastify's `clientErrorHandler`: what is answered to bytes that never became a request. */
import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";

/** How long, and how much, is read and thrown away of whoever goes on sending. */
const LINGER_MS = 1_000;
const LINGER_BYTES = 1024 * 1024;

const REFUSALS: Readonly<Record<string, { readonly status: number; readonly message: string }>> = {
  HPE_HEADER_OVERFLOW: {
    status: 431,
    message: "The header fields are larger together than this server accepts. Send fewer, or shorter ones.",
  },
  ERR_HTTP_REQUEST_TIMEOUT: {
    status: 408,
    message: "The request did not arrive in time. Send it again.",
  },
};
const MALFORMED = { status: 400, message: "This is no HTTP request." };

/**
 * Answers, and closes once the client has read it. A socket that is closed with bytes unread is reset, and a reset takes the answer
 * away from a client that is still sending: so these are read first, within limits.
 */
export function refuseUnparsable({ code }: Error & { readonly code?: string }, socket: Socket): void {
  // Each further byte is an error again.
  if (refused.has(socket)) return;
  refused.add(socket);
  if (code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  socket.end(textOf(REFUSALS[code ?? ""] ?? MALFORMED));
  linger(socket);
}

const refused = new WeakSet<Socket>();

function textOf({ status, message }: { readonly status: number; readonly message: string }): string {
  const error = STATUS_CODES[status];
  const body = JSON.stringify({ error, message, statusCode: status });
  return [
    `HTTP/1.1 ${status} ${error}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
    "",
    body,
  ].join("\r\n");
}

function linger(socket: Socket): void {
  let left = LINGER_BYTES;
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.on("data", ({ length }: Buffer) => {
    left -= length;
    if (left < 0) socket.destroy();
  });
}
