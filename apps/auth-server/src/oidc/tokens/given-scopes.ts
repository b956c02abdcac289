import type { KoaContextWithOIDC } from "oidc-provider";

/**
 * Returns the scopes of OpenID Connect that a token request gives: those that the user has given the app, of what it asked for
 * when the user signed in, and of what a refresh asks for, which may be less. None for client credentials, which act for nobody.
 */
export function givenOidcScopes({ oidc }: KoaContextWithOIDC): readonly string[] {
  const { Grant: grant, RefreshToken: refreshToken, AuthorizationCode: code } = oidc.entities;
  const source = code ?? refreshToken;
  if (grant === undefined || source === undefined) return [];
  const { scope: asked } = oidc.params as { readonly scope?: string };
  const scopes = code === undefined && asked !== undefined ? new Set(asked.split(" ")) : source.scopes;
  return grant
    .getOIDCScopeFiltered(scopes)
    .split(" ")
    .filter((scope) => scope !== "");
}
