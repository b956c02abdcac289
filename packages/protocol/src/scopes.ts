/**
 * What a revocation covers. The number is the wire code and never changes.
 *
 * To add a scope: a line here, its key in `revocation/src/coordinates.ts`, what it ends in
 * `auth-server/src/oidc/endings/lineage.ts`, and a row in docs/reference/revocations.md.
 */
export const SCOPE_CODES = {
  token: 1,
  session: 2,
  grant: 3,
  subject: 4,
  client: 5,
  "subject-client": 6,
  "subject-audience": 12,
  "subject-organization": 13,
  audience: 7,
  organization: 8,
  key: 9,
  "dpop-key": 10,
  issuer: 11,
} as const;

export type Scope = keyof typeof SCOPE_CODES;
export const SCOPES = Object.keys(SCOPE_CODES) as Scope[];

/** Scopes whose key is a pair, `{ subject, <half> }`, and what the half beside the subject is called: a scope too. */
export const PAIR_SCOPES = {
  "subject-client": "client",
  "subject-audience": "audience",
  "subject-organization": "organization",
} as const;
export type PairScope = keyof typeof PAIR_SCOPES;
export type PairHalf = (typeof PAIR_SCOPES)[PairScope];
export type PairKey =
  | { readonly subject: string; readonly client: string }
  | { readonly subject: string; readonly audience: string }
  | { readonly subject: string; readonly organization: string };

export const isPairScope = (scope: Scope): scope is PairScope => Object.hasOwn(PAIR_SCOPES, scope);

/** Returns the key of a pair scope, made of its halves. */
export const pairKeyOf = (scope: PairScope, subject: string, other: string): PairKey =>
  ({ subject, [PAIR_SCOPES[scope]]: other }) as unknown as PairKey;

/** Returns the half beside the subject; undefined when the pair is of another scope. */
export const otherHalfOf = (scope: PairScope, key: PairKey): string | undefined =>
  (key as Partial<Record<PairHalf, string>>)[PAIR_SCOPES[scope]];

/**
 * `kill`: the session behind it is over too. `stale`: the claims changed, refresh silently and go on.
 */
export const MODE_CODES = { kill: 1, stale: 2 } as const;
export type Mode = keyof typeof MODE_CODES;
export const MODES = Object.keys(MODE_CODES) as Mode[];

/** Scopes whose `kill` denies for ever, whatever the token's horizon says. */
const MEMBERSHIP: ReadonlySet<Scope> = new Set(["token", "session", "grant", "key", "dpop-key"]);

/**
 * Whether a record denies by membership (the id is in the set) or as a cutoff (`rv < seq`). `stale` is
 * always a cutoff: the session lives on and its next refresh brings a token that passes.
 */
export function isMembership(scope: Scope, mode: Mode): boolean {
  return mode === "kill" && MEMBERSHIP.has(scope);
}
