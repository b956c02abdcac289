import { errors } from "oidc-provider";

/**
 * Throws the library's `invalid_request` when a request would have more stored than one may: whoever sends it has proved
 * nothing, and real ones take a tenth of it.
 */
export function checkStoredSize(value: unknown, maxBytes: number): void {
  const bytes = value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
  if (bytes <= maxBytes) return;
  throw new errors.InvalidRequest(
    `the request is too large: it takes ${bytes} bytes to store, and may take ${maxBytes}`,
  );
}
