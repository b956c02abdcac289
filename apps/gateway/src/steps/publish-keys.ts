import { refuse } from "../answer.ts";
import type { Step } from "../exchange.ts";

const KEYS_PATH = "/.well-known/jwks.json";

/** Services verify transaction tokens with these (RFC 7517); the path is ours and never routed. */
export function publishKeys(jwks: { readonly keys: readonly object[] }): Step {
  const body = JSON.stringify(jwks);
  const headers = ["content-type", "application/jwk-set+json", "cache-control", "public, max-age=300"];
  return ({ path, method }) => {
    if (path !== KEYS_PATH) return undefined;
    if (method === "GET" || method === "HEAD") return { status: 200, headers, body };
    return refuse("method_not_allowed", { headers: ["allow", "GET, HEAD"] });
  };
}
