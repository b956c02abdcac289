/** What of a request its user may decline, and have the rest. */
import type { Allowed } from "../state/allowed.ts";
import { CLAIMS_OF_SCOPE } from "../state/claims-of-scopes.ts";

/** Returns the part that these optional scopes cover: the scopes themselves, and the claims that one of them gives. */
export function optionalIn(asked: Allowed, names: readonly string[] = []): Allowed {
  const isOptional = (word: string) => names.includes(word);
  const resources = Object.entries(asked.resources).map(
    ([resource, words]) => [resource, words.filter(isOptional)] as const,
  );
  return {
    ...asked,
    scopes: asked.scopes.filter(isOptional),
    claims: claimsOfScopes(asked.claims, names),
    resources: Object.fromEntries(resources.filter(([, words]) => words.length > 0)),
  };
}

/** Those of the claims that one of the scopes gives. */
export function claimsOfScopes(claims: readonly string[], scopes: readonly string[]): string[] {
  const given = scopes.flatMap((scope) => CLAIMS_OF_SCOPE[scope] ?? []);
  return claims.filter((claim) => given.includes(claim));
}

/** Who declines a scope declines its claims, by whatever parameter they are asked for. */
export const withClaims = (declined: Allowed, asked: readonly string[]): Allowed => ({
  ...declined,
  claims: [...new Set([...declined.claims, ...claimsOfScopes(asked, declined.scopes)])],
});
