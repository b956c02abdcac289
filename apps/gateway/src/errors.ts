/**
 * Everything that the gateway refuses on its own account, and what stops it from starting. What the guard
 * refuses (401, 403, 503 for want of freshness) has its texts in packages/guard.
 *
 * To add one: a line here, and the step that answers it. docs/reference/errors.md follows from this table.
 */
import { errorsOf } from "@portcullis/protocol";

export const catalogue = {
  duplicate_header: { status: 400, text: "A header that is allowed only once came more than once." },
  malformed_host: {
    status: 400,
    text: "The request needs one Host header with a host name and an optional port.",
  },
  conflicting_framing: { status: 400, text: "The request has both Content-Length and Transfer-Encoding." },
  unsupported_transfer_encoding: { status: 400, text: "The only transfer coding accepted is chunked, once." },
  malformed_content_length: { status: 400, text: "Content-Length must be one decimal number." },
  protected_connection_option: {
    status: 400,
    text: "The Connection header names a header that must not be removed.",
  },
  unsupported_target_form: {
    status: 400,
    text: "The request target must be a path that begins with one slash.",
  },
  fragment_in_target: { status: 400, text: "The request target has a fragment." },
  forbidden_character: {
    status: 400,
    text: "The request target has a character that must be percent-encoded.",
  },
  malformed_percent_encoding: {
    status: 400,
    text: "A percent sign is not followed by two hexadecimal digits.",
  },
  encoded_delimiter: { status: 400, text: "The path has an encoded slash, backslash or control character." },
  double_encoding: { status: 400, text: "The path is percent-encoded twice." },
  encoded_unreserved: { status: 400, text: "The path percent-encodes a character that needs no encoding." },
  dot_segment: { status: 400, text: "The path has a dot segment." },
  empty_segment: { status: 400, text: "The path has an empty segment: two slashes in a row." },
  path_parameter: { status: 400, text: "The path has a parameter (after a semicolon)." },
  access_token_in_query: {
    status: 400,
    text: "Access tokens in the query string are not accepted; use Authorization.",
  },
  malformed_request: { status: 400, text: "The request is not well-formed HTTP/1.1." },
  upgrade_not_supported: { status: 501, text: "Upgrading the connection (WebSocket) is not supported." },
  method_not_allowed: { status: 405, text: "This method is not accepted here." },
  request_timeout: { status: 408, text: "The request did not arrive in time." },
  client_too_slow: {
    status: 408,
    text: "The request was sent, or its answer was read, too slowly.",
  },
  body_too_large: { status: 413, text: "The request body is larger than this gateway accepts." },
  target_too_long: { status: 414, text: "The request target is longer than this gateway accepts." },
  expectation_failed: { status: 417, text: "The only expectation supported is 100-continue." },
  headers_too_large: {
    status: 431,
    text: "The request has more or larger headers than this gateway accepts.",
  },
  no_route: { status: 404, text: "There is no route for this path." },
  origin_not_allowed: { status: 403, text: "This origin may not call this gateway from a browser." },
  temporarily_unavailable: { status: 503, text: "The gateway has no confirmed list of revocations yet." },
  upstream_busy: {
    status: 503,
    text: "You already use all the connections to this service that one client may have. Nothing was sent to it.",
  },
  buffers_full: {
    status: 503,
    text: "There is no memory left for the request body right now. Nothing was sent to the service.",
  },
  shutting_down: { status: 503, text: "The gateway is shutting down." },
  upstream_unreachable: { status: 502, text: "The service behind this route cannot be reached." },
  upstream_failed: { status: 502, text: "The service behind this route broke off its answer." },
  upstream_timeout: { status: 504, text: "The service behind this route did not answer in time." },
  internal_error: { status: 500, text: "The gateway failed to handle this request." },
  unsafe_key_file: { status: 500, text: "The signing key's file is not safe to use." },
} as const;

export type GatewayErrorCode = keyof typeof catalogue;

export const gatewayError = errorsOf(catalogue);
