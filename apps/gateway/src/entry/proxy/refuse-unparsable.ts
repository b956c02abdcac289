import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { type Answer, fieldsOf, refuse } from "../../answer.ts";
import type { GatewayErrorCode } from "../../errors.ts";

const CODES: Readonly<Record<string, GatewayErrorCode>> = {
  HPE_HEADER_OVERFLOW: "headers_too_large",
  HPE_CHUNK_EXTENSIONS_OVERFLOW: "body_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "request_timeout",
  HPE_INVALID_TRANSFER_ENCODING: "unsupported_transfer_encoding",
  HPE_INVALID_METHOD: "method_not_allowed",
  HPE_INVALID_URL: "forbidden_character",
};

/** Names what the parser stumbled over. Its reasons are fixed texts: nothing of the request is in them. */
export function unparsableAnswer(
  error: Error & { readonly code?: string; readonly reason?: string },
): Answer {
  const code = codeOf(error);
  return refuse(code, error.reason === undefined ? {} : { found: error.reason });
}

function codeOf({
  code = "",
  reason = "",
}: {
  readonly code?: string;
  readonly reason?: string;
}): GatewayErrorCode {
  // Content-Length beside Transfer-Encoding has no code of its own: the second of them is "unexpected".
  if (/Content-Length can't be present with|Transfer-Encoding can't be present with/.test(reason)) {
    return "conflicting_framing";
  }
  if (code.endsWith("_CONTENT_LENGTH")) return "malformed_content_length";
  return CODES[code] ?? "malformed_request";
}

/** For bytes that never became a request: the answer goes straight to the socket, which then ends. */
export function writeToSocket(socket: Duplex, answer: Answer): void {
  const fields = fieldsOf(answer);
  const lines = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status]}`];
  for (let at = 0; at < fields.length; at += 2) lines.push(`${fields[at]}: ${fields[at + 1]}`);
  lines.push("connection: close", "", answer.body ?? "");
  socket.end(lines.join("\r\n"), () => socket.destroy());
}
