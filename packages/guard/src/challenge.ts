/** A denial in its wire form (RFC 6750, section 3; RFC 9110, section 11.6.1). */
import type { Mode, Reason } from "@portcullis/protocol";
import type { DenialBody, DenyDecision } from "./decision.ts";
import { DENIALS, type DenialCode } from "./errors.ts";

export interface DenialDetails {
  readonly reason?: Reason;
  readonly mode?: Mode;
  /** Scopes that the route asks for. */
  readonly scope?: string;
  /** Text in place of the catalogue's. */
  readonly text?: string;
}

const RETRY_AFTER_SECONDS = "1";

export function deny(realm: string, code: DenialCode, details: DenialDetails = {}): DenyDecision {
  const { status, error, text } = DENIALS[code];
  const { reason, mode } = details;
  const body: DenialBody = {
    error,
    error_description: details.text ?? text,
    ...(reason === undefined ? {} : { reason }),
    ...(mode === undefined ? {} : { mode }),
  };
  const headers = status === 503 ? unavailableHeaders() : challengeHeaders(realm, code, body, details.scope);
  return { outcome: "deny", code, status, headers, body };
}

/** Never 401 for an outage: a client would throw away a token that is good. */
function unavailableHeaders(): Readonly<Record<string, string>> {
  return { "retry-after": RETRY_AFTER_SECONDS, "cache-control": "no-store" };
}

function challengeHeaders(
  realm: string,
  code: DenialCode,
  body: DenialBody,
  scope: string | undefined,
): Readonly<Record<string, string>> {
  // Who sent no credentials at all is told no error code (RFC 6750, section 3.1).
  const parameters: Record<string, string | undefined> =
    code === "missing_credentials" ? { realm } : { realm, ...body, scope };
  return { "www-authenticate": formatChallenge("Bearer", parameters), "cache-control": "no-store" };
}

export function formatChallenge(
  scheme: string,
  parameters: Readonly<Record<string, string | undefined>>,
): string {
  const list = Object.entries(parameters)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${quote(value!)}`);
  return `${scheme} ${list.join(", ")}`;
}

/**
 * A quoted-string that cannot end early or start a new header line: what RFC 6750 does not allow in a value
 * (control and non-ASCII characters) becomes a space, quotes and backslashes are escaped.
 */
function quote(value: string): string {
  return `"${value.replace(/[^\x20-\x7e]/g, " ").replace(/["\\]/g, "\\$&")}"`;
}
