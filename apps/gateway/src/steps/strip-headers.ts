import { OPAQUE_TOKEN_PREFIX } from "@portcullis/protocol";
import type { Exchange, Step } from "../exchange.ts";
import type { Field } from "../headers/field-kind.ts";

/**
 * Builds what the service gets of the client's header fields. Only what is known to be end-to-end is copied:
 * a field that no rule names goes through, one that stops at this hop or is ours to write does not, in any
 * spelling. Trailers never go through, so nothing can be smuggled past this step in one.
 */
export function stripHeaders(fieldNamed: (spelling: string) => Field): Step {
  return (exchange: Exchange) => {
    const raw = exchange.fields;
    const { forwardAuthorization } = exchange.route!;
    const keepsAuthorization =
      forwardAuthorization === "all" || (forwardAuthorization && !bringsOpaqueToken(exchange.authorization));
    const forwarded: string[] = [];
    for (let at = 0; at < raw.length; at += 2) {
      const field = fieldNamed(raw[at]!);
      if (!goesThrough(field, keepsAuthorization)) continue;
      if (exchange.connectionOptions?.has(field.name)) continue;
      forwarded.push(field.name, raw[at + 1]!);
    }
    exchange.forwarded = forwarded;
    return undefined;
  };
}

const OPAQUE_TOKEN = new RegExp(`^\\S+\\s+${OPAQUE_TOKEN_PREFIX}`);

/**
 * A token for scripts lives for months, and is good for whoever has it: no service gets to see it, on public routes neither, unless
 * the route says so. What a service needs to know is in the transaction token.
 */
const bringsOpaqueToken = (authorization: string | undefined): boolean =>
  authorization !== undefined && OPAQUE_TOKEN.test(authorization);

function goesThrough(field: Field, keepsAuthorization: boolean): boolean {
  switch (field.kind) {
    case "end-to-end":
    case "content-length":
    case "origin":
      return true;
    case "authorization":
      return keepsAuthorization;
    default:
      return false;
  }
}
