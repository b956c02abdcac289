/**
 * The name and the secret that a client shows (RFC 6749, section 2.3.1), by the header or in the body, written so that nothing has to be
 * decoded. Other spellings are the library's, and so is whoever shows two things at once.
 */
import type { IncomingHttpHeaders } from "node:http";
import type { Form } from "./peek-form.ts";

export interface ShownSecret {
  readonly clientId: string;
  readonly secret: string;
}

/** Returns undefined for what is not one of these, written plainly. */
export function shownSecret(headers: IncomingHttpHeaders, form: Form): ShownSecret | undefined {
  const { client_id: clientId, client_secret: secret } = form;
  const { authorization } = headers;
  if (authorization === undefined)
    return isPlain(clientId) && isPlain(secret) ? { clientId, secret } : undefined;
  const shown = secret === undefined ? inHeader(authorization) : undefined;
  return clientId === undefined || clientId === shown?.clientId ? shown : undefined;
}

const BASIC = /^Basic ((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)$/;

function inHeader(authorization: string): ShownSecret | undefined {
  const [, encoded] = BASIC.exec(authorization) ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, "base64").toString("utf8");
  const colon = text.indexOf(":");
  const [clientId, secret] = [text.slice(0, Math.max(colon, 0)), text.slice(colon + 1)];
  return isPlain(clientId) && isPlain(secret) ? { clientId, secret } : undefined;
}

/** Printable, and neither `%` nor `+`: it means itself, encoded as a form or not. */
const isPlain = (text: string | undefined): text is string =>
  text !== undefined && /^[\x21-\x24\x26-\x2a\x2c-\x7e]+$/.test(text);
