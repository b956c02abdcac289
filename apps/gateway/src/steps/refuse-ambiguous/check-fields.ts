import { type Answer, quote, refuse } from "../../answer.ts";
import type { Exchange } from "../../exchange.ts";
import { type Field, isProtected } from "../../headers/field-kind.ts";

/** A host name or an address, and a port. No user, no list, no path: those are read differently by everyone. */
const HOST = /^(?:[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9_-])?\.?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$/;
const DECIMAL = /^\d{1,15}$/;

export interface FieldLimits {
  readonly maxHeaders: number;
  readonly maxBodyBytes: number;
}

/** What was seen so far; a field that may come once is there or not. */
interface Seen {
  host: string | undefined;
  contentLength: string | undefined;
  transferEncoding: string | undefined;
  expect: string | undefined;
  upgrade: string | undefined;
  connection: string | undefined;
}

/**
 * Reads the fields that decide who asks, whom, and how long the body is, and refuses what could be read in
 * two ways. It reads the fields as they came: in a list by name the second Host and the second Authorization would be
 * gone already.
 */
export function checkFields(
  exchange: Exchange,
  fieldNamed: (spelling: string) => Field,
  limits: FieldLimits,
): Answer | undefined {
  const raw = exchange.fields;
  if (raw.length > limits.maxHeaders * 2) {
    return refuse("headers_too_large", { found: `${raw.length / 2} headers, at most ${limits.maxHeaders}` });
  }
  const seen: Seen = {
    host: undefined,
    contentLength: undefined,
    transferEncoding: undefined,
    expect: undefined,
    upgrade: undefined,
    connection: undefined,
  };
  for (let at = 0; at < raw.length; at += 2) {
    const field = fieldNamed(raw[at]!);
    if (field.kind === "end-to-end" || field.kind === "dropped") continue;
    if (field.kind === "malformed") return refuse("malformed_request", { found: "a malformed header name" });
    const refusal = readField(exchange, seen, field, raw[at + 1]!);
    if (refusal !== undefined) return refusal;
  }
  return checkSeen(exchange, seen, fieldNamed, limits);
}

function readField(exchange: Exchange, seen: Seen, field: Field, value: string): Answer | undefined {
  switch (field.kind) {
    case "host":
      if (seen.host !== undefined) return twice("Host");
      seen.host = value;
      return undefined;
    case "authorization":
      if (exchange.authorization !== undefined) return twice("Authorization");
      exchange.authorization = value;
      return undefined;
    case "origin":
      if (exchange.origin !== undefined) return twice("Origin");
      exchange.origin = value;
      return undefined;
    case "content-length":
      if (seen.contentLength !== undefined) return twice("Content-Length");
      seen.contentLength = value;
      return undefined;
    case "transfer-encoding":
      if (seen.transferEncoding !== undefined) return twice("Transfer-Encoding");
      seen.transferEncoding = value;
      return undefined;
    case "expect":
      seen.expect = value;
      return undefined;
    case "upgrade":
      seen.upgrade = listed(seen.upgrade, value);
      return undefined;
    default:
      seen.connection = listed(seen.connection, value);
      return undefined;
  }
}

/** Several fields of a name whose value is a list (RFC 9110, section 5.3). */
const listed = (before: string | undefined, value: string): string =>
  before === undefined ? value : `${before},${value}`;

const twice = (name: string): Answer => refuse("duplicate_header", { found: `more than one ${name}` });

function checkSeen(
  exchange: Exchange,
  seen: Seen,
  fieldNamed: (spelling: string) => Field,
  limits: FieldLimits,
): Answer | undefined {
  if (seen.host === undefined) return refuse("malformed_host", { found: "no Host header" });
  if (!HOST.test(seen.host)) return refuse("malformed_host", { found: quote(seen.host) });
  exchange.host = seen.host;
  return (
    checkFraming(exchange, seen, limits) ??
    checkConnection(exchange, seen.connection, fieldNamed) ??
    checkSwitches(seen)
  );
}

function checkFraming(exchange: Exchange, seen: Seen, limits: FieldLimits): Answer | undefined {
  const { contentLength, transferEncoding } = seen;
  if (transferEncoding !== undefined) {
    if (contentLength !== undefined) return refuse("conflicting_framing");
    // Transfer-Encoding in an HTTP/1.0 request is read by some and ignored by others (RFC 9112, section 6.1).
    if (transferEncoding.toLowerCase() !== "chunked" || exchange.isHttp10) {
      return refuse("unsupported_transfer_encoding", { found: quote(transferEncoding) });
    }
    exchange.hasBody = true;
    return undefined;
  }
  if (contentLength === undefined) return undefined;
  if (!DECIMAL.test(contentLength))
    return refuse("malformed_content_length", { found: quote(contentLength) });
  exchange.contentLength = Number(contentLength);
  exchange.hasBody = exchange.contentLength > 0;
  return exchange.contentLength > limits.maxBodyBytes
    ? refuse("body_too_large", { found: `${contentLength} bytes, at most ${limits.maxBodyBytes}` })
    : undefined;
}

function checkConnection(
  exchange: Exchange,
  connection: string | undefined,
  fieldNamed: (spelling: string) => Field,
): Answer | undefined {
  if (connection === undefined || connection === "keep-alive" || connection === "close") return undefined;
  const options = connection
    .toLowerCase()
    .split(",")
    .map((option) => option.trim())
    .filter((option) => option !== "");
  const kept = options.find((option) => isProtected(fieldNamed(option)));
  if (kept !== undefined) return refuse("protected_connection_option", { found: quote(kept) });
  exchange.connectionOptions = new Set(options);
  return undefined;
}

function checkSwitches(seen: Seen): Answer | undefined {
  if (seen.upgrade !== undefined && !isOfferOfHttp2(seen.upgrade))
    return refuse("upgrade_not_supported", { found: quote(seen.upgrade) });
  if (seen.expect !== undefined && seen.expect.toLowerCase() !== "100-continue") {
    return refuse("expectation_failed", { found: quote(seen.expect) });
  }
  return undefined;
}

/**
 * Whether a client would rather speak HTTP/2, and is content with HTTP/1.1: a server may ignore that (RFC 9110, section 7.8).
 * HttpClient of Java offers it in each first request without TLS. It stops here: a service that took it would
 * answer requests which this gateway has not looked at.
 */
const isOfferOfHttp2 = (upgrade: string): boolean => upgrade.toLowerCase() === "h2c";
