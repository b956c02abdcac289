/**
 * The batteries that run again with PostgreSQL below the server, in parts of about the same length: each part is a test file of
 * its own (`PART.test.ts`), so that the suite runs several at once.
 */
export const BATTERIES = {
  "apps-and-keys": [
    "apis/apis-api",
    "apis/claims",
    "apis/editions",
    "apps/app-settings",
    "apps/apps-api",
    "apps/secrets",
    "apps/seeds",
    "keys/algorithms",
    "keys/next-key",
    "keys/revoke-key",
    "keys/ring",
    "roles/roles",
  ],
  people: [
    "api/users",
    "api/users-import",
    "bans/administrators",
    "bans/bans",
    "consents/consents-api",
    "sessions/lifetimes",
    "sessions/limits",
  ],
  "signing-in-and-out": [
    "oidc/interaction/auth-time",
    "oidc/interaction/consent",
    "oidc/interaction/granular-consent",
    "oidc/interaction/select-account",
    "outbox/backchannel-logout",
    "session-events/session-events",
    "oidc/challenge/sign-in",
    "sign-in/change-password",
    "sign-in/kept-out",
    "sign-in/sign-in",
    "sign-out/logout",
  ],
  tokens: [
    "oidc/endings/blast-radius",
    "oidc/endings/bulk-endings",
    "oidc/endings/disabling",
    "oidc/endings/lineage",
    "oidc/endings/unknown-targets",
    "oidc/provider/claims",
    "oidc/provider/code-flow",
    "oidc/provider/private-key-jwt",
    "oidc/state/one-time",
    "oidc/state/restart",
    "oidc/state/strangers",
    "oidc/tokens/horizon",
    "oidc/tokens/refresh-grace",
    "oidc/tokens/revoke-and-introspect",
    "oidc/tokens/tabs",
    "oidc/tokens/userinfo-tokens",
  ],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type Part = keyof typeof BATTERIES;
