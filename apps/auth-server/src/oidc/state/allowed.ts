/**
 * What a user has allowed an app, or has declined to: one shape for both, and what can be done with two of them.
 *
 * An API that is deleted and made again is another API, and a permission that is removed and added again another permission: each is
 * of a later edition (apis/apis.ts). What was allowed to the edition of before counts for nothing.
 *
 * A scope of OpenID Connect that has come to tell more of a user is of a later edition, too (claims-of-scopes.ts): its user is asked
 * again, and until then what was allowed tells what it told.
 */
import type { Api } from "../../apis/apis.ts";
import { claimsBeyond, editionOfScope } from "./claims-of-scopes.ts";

export interface Allowed {
  /** Of the ID token and userinfo. */
  readonly scopes: readonly string[];
  /** Of these scopes; those that are not named here are of edition 0. */
  readonly scopeEditions?: ScopeEditions | undefined;
  readonly claims: readonly string[];
  /** Resource indicator to its scopes. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
  /** Of the APIs and permissions above; those that are not named here are of edition 0. */
  readonly editions?: Editions | undefined;
}

export type ScopeEditions = Readonly<Record<string, number>>;

export type Editions = Readonly<Record<string, EditionsOfApi>>;

interface EditionsOfApi {
  readonly api: number;
  readonly permissions: Readonly<Record<string, number>>;
}

export const NOTHING: Allowed = { scopes: [], claims: [], resources: {} };
const FIRST_EDITION: EditionsOfApi = { api: 0, permissions: {} };

/** What the library's payload of a grant holds. */
interface LibraryContent {
  readonly openid?: { readonly scope?: string; readonly claims?: readonly string[] };
  readonly resources?: Readonly<Record<string, string>>;
  readonly rejected?: Omit<LibraryContent, "rejected">;
  readonly scopeEditions?: ScopeEditions;
  readonly editions?: Editions;
}

/** Without what is rejected in it. */
export const allowedIn = (payload: object): Allowed => without(heldIn(payload), rejectedIn(payload));

export const rejectedIn = (payload: object): Allowed => heldIn((payload as LibraryContent).rejected ?? {});

export function heldIn(payload: object): Allowed {
  const { openid = {}, resources = {}, scopeEditions, editions } = payload as LibraryContent;
  const entries = Object.entries(resources).map(([resource, text]) => [resource, wordsOf(text)] as const);
  return {
    scopes: wordsOf(openid.scope),
    claims: openid.claims ?? [],
    resources: Object.fromEntries(entries),
    ...(scopeEditions === undefined ? {} : { scopeEditions }),
    ...(editions === undefined ? {} : { editions }),
  };
}

/** As the library's payload of a grant holds it. */
export function contentOf({ scopes, claims, resources }: Allowed): LibraryContent {
  const entries = Object.entries(resources).filter(([, words]) => words.length > 0);
  const scope = scopes.length === 0 ? {} : { scope: scopes.join(" ") };
  return {
    openid: { ...scope, ...(claims.length === 0 ? {} : { claims }) },
    resources: Object.fromEntries(entries.map(([resource, words]) => [resource, words.join(" ")])),
  };
}

const wordsOf = (text = ""): string[] => text.split(" ").filter((word) => word !== "");

export const isNothing = (allowed: Allowed): boolean => isWithin(allowed, NOTHING);

export function isWithin(part: Allowed, whole: Allowed): boolean {
  return (
    isSubset(part.scopes, whole.scopes) &&
    part.scopes.every((scope) => heldEdition(part, scope) <= heldEdition(whole, scope)) &&
    isSubset(part.claims, whole.claims) &&
    Object.entries(part.resources).every(([resource, scopes]) =>
      isSubset(scopes, whole.resources[resource] ?? []),
    )
  );
}

const isSubset = (part: readonly string[], whole: readonly string[]): boolean =>
  part.every((word) => whole.includes(word));

/** Whether something is in both. */
export const overlap = (one: Allowed, other: Allowed): boolean =>
  !isNothing(without(one, without(one, other)));

export function without(whole: Allowed, part: Allowed): Allowed {
  const resources = Object.entries(whole.resources).map(
    ([name, words]) => [name, difference(words, part.resources[name])] as const,
  );
  const scopes = difference(whole.scopes, part.scopes);
  return {
    scopes,
    ...editionsOfScopes(scopes, whole),
    claims: difference(whole.claims, part.claims),
    resources: Object.fromEntries(resources.filter(([, words]) => words.length > 0)),
    ...(whole.editions === undefined ? {} : { editions: whole.editions }),
  };
}

const difference = (words: readonly string[], others: readonly string[] = []): string[] =>
  words.filter((word) => !others.includes(word));

/** Of an API of which the two know different editions, what is of the later one. */
export function joined(one: Allowed, other: Allowed): Allowed {
  const names = [
    ...new Set(
      [one, other].flatMap(({ resources, editions = {} }) => [
        ...Object.keys(resources),
        ...Object.keys(editions),
      ]),
    ),
  ];
  const ofApis = names.map((name) => [name, joinedOfApi(name, one, other)] as const);
  const later = ofApis.filter(([, { editions }]) => !isFirst(editions));
  const scopes = union(one.scopes, other.scopes);
  return {
    scopes,
    ...editionsOfScopes(scopes, one, other),
    claims: union(one.claims, other.claims),
    resources: Object.fromEntries(
      ofApis.filter(([, { words }]) => words.length > 0).map(([name, { words }]) => [name, words]),
    ),
    ...(later.length === 0
      ? {}
      : { editions: Object.fromEntries(later.map(([name, { editions }]) => [name, editions])) }),
  };
}

function joinedOfApi(name: string, one: Allowed, other: Allowed) {
  const [left, right] = [ofApi(name, one), ofApi(name, other)];
  if (left.editions.api !== right.editions.api) return left.editions.api > right.editions.api ? left : right;
  const permissions = { ...left.editions.permissions };
  for (const [word, edition] of Object.entries(right.editions.permissions))
    permissions[word] = Math.max(edition, permissions[word] ?? 0);
  return { words: union(left.words, right.words), editions: { api: left.editions.api, permissions } };
}

const ofApi = (name: string, { resources, editions = {} }: Allowed) => ({
  words: resources[name] ?? [],
  editions: editions[name] ?? FIRST_EDITION,
});

const isFirst = ({ api, permissions }: EditionsOfApi): boolean =>
  api === 0 && Object.keys(permissions).length === 0;

const union = (one: readonly string[] = [], other: readonly string[] = []): string[] => [
  ...new Set([...one, ...other]),
];

/** What an edition is told by. */
export type EditionsOf = Pick<Api, "identifier" | "edition" | "permissionEditions">;

/** Without what was allowed to another edition of one of these APIs, of its permissions, or of a scope: what need not be asked again. */
export function currentOf(allowed: Allowed, apis: readonly EditionsOf[]): Allowed {
  const isCurrent = (scope: string) => heldEdition(allowed, scope) === editionOfScope(scope);
  return { ...ofCurrentApis(allowed, apis), scopes: allowed.scopes.filter(isCurrent) };
}

/**
 * As above, with all its scopes: a scope of an edition before gives what it gave. So it is, too, with what was declined: who lets an app
 * have less does not let it have more.
 */
export function ofCurrentApis(allowed: Allowed, apis: readonly EditionsOf[]): Allowed {
  const resources = { ...allowed.resources };
  for (const api of apis) {
    const words = allowed.resources[api.identifier] ?? [];
    const isSame = (word: string) => isPermissionOfEdition(allowed, api, word);
    const current = isOfEdition(allowed, api) ? words.filter(isSame) : [];
    if (current.length > 0) resources[api.identifier] = current;
    else delete resources[api.identifier];
  }
  return { ...allowed, resources };
}

type OfEditions = Pick<Allowed, "editions">;

export const isPermissionOfEdition = (
  { editions = {} }: OfEditions,
  { identifier, permissionEditions }: EditionsOf,
  word: string,
): boolean => (editions[identifier]?.permissions[word] ?? 0) === (permissionEditions[word] ?? 0);

/** Whether it was made for this edition of the API, though it may hold no permission there. */
export const isOfEdition = ({ editions = {} }: OfEditions, { identifier, edition }: EditionsOf): boolean =>
  (editions[identifier]?.api ?? 0) === edition;

/** What was allowed to these APIs today, as allowed to the editions of today. */
export function stamped(allowed: Allowed, apis: readonly EditionsOf[]): Allowed {
  const editions: Record<string, EditionsOfApi> = { ...allowed.editions };
  for (const api of apis) {
    const words = allowed.resources[api.identifier] ?? [];
    const later = words.filter((word) => api.permissionEditions[word] !== undefined);
    const ofThis = {
      api: api.edition,
      permissions: Object.fromEntries(later.map((word) => [word, api.permissionEditions[word]!])),
    };
    if (isFirst(ofThis)) delete editions[api.identifier];
    else editions[api.identifier] = ofThis;
  }
  return { ...allowed, editions: Object.keys(editions).length === 0 ? undefined : editions };
}

const heldEdition = ({ scopeEditions = {} }: Allowed, scope: string): number => scopeEditions[scope] ?? 0;

/** Of those that the scopes name. The latest that somebody has allowed. */
function editionsOfScopes(
  scopes: readonly string[],
  ...holding: readonly Allowed[]
): Pick<Allowed, "scopeEditions"> {
  const later = scopes
    .map((scope) => [scope, Math.max(...holding.map((one) => heldEdition(one, scope)))] as const)
    .filter(([, edition]) => edition > 0);
  return later.length === 0 ? {} : { scopeEditions: Object.fromEntries(later) };
}

/** What was allowed at this moment, with the scopes as they are today. */
export function withCurrentScopes(allowed: Allowed): Allowed {
  const today = Object.fromEntries(allowed.scopes.map((scope) => [scope, editionOfScope(scope)]));
  const { scopeEditions: _before, ...rest } = allowed;
  return { ...rest, ...editionsOfScopes(allowed.scopes, { ...allowed, scopeEditions: today }) };
}

/** The claims that its scopes tell today and did not tell when they were allowed. Those that were allowed by their own names are not among them. */
export function untoldIn(allowed: Allowed): string[] {
  const beyond = allowed.scopes.flatMap((scope) => claimsBeyond(scope, heldEdition(allowed, scope)));
  return difference(beyond, allowed.claims);
}
