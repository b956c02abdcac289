import { type Client, errors, type KoaContextWithOIDC } from "oidc-provider";
import { REQUIRE_PKCE } from "../../apps/app-settings.ts";

/**
 * Whether a request without `code_challenge` is refused. An app that may go without PKCE sends a `nonce` in its place, which
 * its own code checks: without either, a code that was injected into its callback would be redeemed (RFC 9700, section 2.1.1).
 * A `code_verifier` for a code without a challenge is refused by the library: that a request had one must not be undone.
 */
export function isPkceRequired({ oidc }: KoaContextWithOIDC, client: Client): boolean {
  if (client[REQUIRE_PKCE] !== false || client.clientAuthMethod === "none") return true;
  const { nonce, scope } = oidc.params as { readonly nonce?: string; readonly scope?: string };
  const isOpenId = (scope ?? "").split(" ").includes("openid");
  if (isOpenId && nonce !== undefined && nonce !== "") return false;
  throw new errors.InvalidRequest(
    "without code_challenge, a nonce and the scope openid are required of this client",
  );
}
