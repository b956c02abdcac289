import { PortcullisError } from "@portcullis/protocol";
import { catalogue, type GatewayErrorCode } from "../errors.ts";

const TIMEOUTS = new Set([
  "UND_ERR_CONNECT_TIMEOUT",
  "UND_ERR_HEADERS_TIMEOUT",
  "UND_ERR_BODY_TIMEOUT",
  "ETIMEDOUT",
]);
const UNREACHABLE = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "EADDRNOTAVAIL",
]);

/** What a failed call to a service is called. The service's own words stay inside. */
export function failureCode(error: unknown): GatewayErrorCode {
  if (error instanceof PortcullisError && Object.hasOwn(catalogue, error.code))
    return error.code as GatewayErrorCode;
  const code = codeOf(error);
  if (TIMEOUTS.has(code)) return "upstream_timeout";
  return UNREACHABLE.has(code) ? "upstream_unreachable" : "upstream_failed";
}

function codeOf(error: unknown): string {
  // A host name with several addresses fails with one error for each of them.
  if (error instanceof AggregateError) return codeOf(error.errors[0]);
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : "";
}
