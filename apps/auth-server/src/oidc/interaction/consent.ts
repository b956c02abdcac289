/** What a consent page asks, and what its answer allows and declines. */
import { createHash } from "node:crypto";
import type { Api } from "../../apis/apis.ts";
import type { ConsentItem, ConsentRequest } from "../../pages/consent-page.ts";
import { givesAnything } from "../provider/account-claims.ts";
import { claimsOfScopes, optionalIn } from "../provider/optional-scopes.ts";
import { OIDC_SCOPES, wordsOfClaim, wordsOfPermission, wordsOfScope } from "../provider/permission-words.ts";
import { claimsOfUserIn } from "../provider/requested-claims.ts";
import {
  type Allowed,
  isNothing,
  joined,
  NOTHING,
  ofCurrentApis,
  stamped,
  withCurrentScopes,
  without,
} from "../state/allowed.ts";
import type { Answer } from "../state/grant-store.ts";

/** What the library found missing in the grant. */
export interface ConsentDetails {
  readonly missingOIDCScope?: readonly string[];
  readonly missingOIDCClaims?: readonly string[];
  readonly missingResourceScopes?: Readonly<Record<string, readonly string[]>>;
}

/** What an authorization request asks for (RFC 6749, section 4.1.1, and RFC 8707). */
export interface Asked {
  readonly scope?: unknown;
  readonly resource?: unknown;
  readonly prompt?: unknown;
  readonly claims?: unknown;
}

export interface ConsentQuestion {
  readonly details: ConsentDetails;
  readonly asked: Asked;
  readonly resources: readonly Api[];
  /** Of the user. What is not among them cannot be given, and is not named. */
  readonly claims: Readonly<Record<string, unknown>>;
  readonly app: AskingApp;
  /** What the user has declined before, of which the page must not take a yes for granted. */
  readonly declined: Allowed;
}

export interface AskingApp {
  readonly optionalScopes: readonly string[];
  /** For each API the permissions that it may ask for. */
  readonly resources: Readonly<Record<string, readonly string[]>>;
}

/** Changes with what the page asks for: an answer to another question is none. */
export function digestOf(question: ConsentQuestion): string {
  const parts = partsOf(question).map((part) => [
    part.description,
    part.api,
    isOptional(question, part.part),
  ]);
  const { scopeEditions, editions } = asToday(shownOf(question), question);
  return createHash("sha256")
    .update(JSON.stringify([parts, scopeEditions, editions]))
    .digest("base64url")
    .slice(0, 22);
}

/** What is new; all that is asked for when nothing is, and when the app has the user asked all the same (`prompt=consent`). */
export function shownOf({ details, asked, resources, claims, app }: ConsentQuestion): Allowed {
  const isNew: Allowed = {
    scopes: details.missingOIDCScope ?? [],
    claims: details.missingOIDCClaims ?? [],
    resources: details.missingResourceScopes ?? {},
  };
  const isPrompted = String(asked.prompt ?? "")
    .split(" ")
    .includes("consent");
  if (!isNothing(isNew) && !isPrompted) return isNew;
  const all = askedIn(asked, resources, app);
  const given = {
    ...all,
    scopes: all.scopes.filter((scope) => givesAnything(scope, claims)),
    claims: all.claims.filter((claim) => Object.hasOwn(claims, claim)),
  };
  return joined(given, isNew);
}

function askedIn({ scope, resource, claims }: Asked, resources: readonly Api[], app: AskingApp): Allowed {
  const scopes = String(scope ?? "").split(" ");
  const named = resources.filter(({ identifier }) => [resource].flat().includes(identifier));
  const ofEach = named.map(({ identifier, permissions }) => {
    const known = (app.resources[identifier] ?? []).filter((word) => Object.hasOwn(permissions, word));
    return [identifier, scopes.filter((word) => known.includes(word))] as const;
  });
  return {
    scopes: scopes.filter((word) => Object.hasOwn(OIDC_SCOPES, word)),
    claims: claimsOfUserIn(claims),
    resources: Object.fromEntries(ofEach.filter(([, words]) => words.length > 0)),
  };
}

/** One thing that is asked for, alone. */
interface Part {
  readonly part: Allowed;
  readonly description: string;
  /** Identifier; undefined for what is told of the user. */
  readonly api: string | undefined;
}

/** In the order of the page: what may be unticked is named by its place among these. */
function partsOf({ resources, ...question }: ConsentQuestion): Part[] {
  const shown = shownOf({ resources, ...question });
  const scopes = shown.scopes.map((scope) => {
    const claims = claimsOfScopes(shown.claims, [scope]);
    return ofUser({ ...NOTHING, scopes: [scope], claims }, wordsOfScope(scope));
  });
  const told = scopes.flatMap(({ part }) => part.claims);
  const claims = shown.claims
    .filter((claim) => !told.includes(claim))
    .map((claim) => ofUser({ ...NOTHING, claims: [claim] }, wordsOfClaim(claim)));
  return [...scopes, ...claims, ...partsOfApis(shown, resources)];
}

const ofUser = (part: Allowed, description: string): Part => ({ part, description, api: undefined });

const partsOfApis = (shown: Allowed, resources: readonly Api[]): Part[] =>
  Object.entries(shown.resources).flatMap(([identifier, words]) => {
    const api = resources.find((candidate) => candidate.identifier === identifier);
    return words.map((word) => ({
      part: { ...NOTHING, resources: { [identifier]: [word] } },
      description: wordsOfPermission(api, word),
      api: identifier,
    }));
  });

/** What is on the page, API by API. */
export function consentContent(question: ConsentQuestion): ConsentRequest[] {
  const groups = new Map<string | undefined, ConsentItem[]>();
  for (const [at, { part, description, api }] of partsOf(question).entries()) {
    const choice = isOptional(question, part) ? choiceOf(question, at, part) : undefined;
    groups.set(api, [...(groups.get(api) ?? []), { description, choice }]);
  }
  const nameOf = (api: string) =>
    question.resources.find(({ identifier }) => identifier === api)?.name ?? api;
  return [...groups].map(([api, items]) => ({ resource: api && nameOf(api), items }));
}

const isOptional = ({ app }: ConsentQuestion, part: Allowed): boolean =>
  isNothing(without(part, optionalIn(part, app.optionalScopes)));

/** Ticked, unless the user has unticked it before. */
const choiceOf = ({ declined, resources }: ConsentQuestion, at: number, part: Allowed) => ({
  name: choiceName(at),
  isTicked: !isNothing(without(part, ofCurrentApis(declined, resources))),
});

const choiceName = (at: number): string => `allow-${at}`;

/** The APIs that a consent page is about. */
export const apisAskedFor = (
  { missingResourceScopes = {} }: ConsentDetails,
  { resource }: Asked,
): string[] => [
  ...new Set([
    ...Object.keys(missingResourceScopes),
    ...[resource].flat().filter((one) => typeof one === "string"),
  ]),
];

/** Seconds; undefined: until it is withdrawn. */
const LENGTHS = new Map<unknown, number | undefined | "once">([
  ["once", "once"],
  ["hour", 3600],
  ["month", 30 * 24 * 3600],
  ["always", undefined],
]);

export type ConsentForm = Readonly<Record<string, unknown>>;

/** What a yes to the page allows: what the page showed, without what was unticked. Undefined for a form that the page did not send. */
export function answerOf(question: ConsentQuestion, form: ConsentForm, now: number): Answer | undefined {
  if (!LENGTHS.has(form.length)) return undefined;
  const length = LENGTHS.get(form.length);
  const isDeclined = ({ part }: Part, at: number) =>
    isOptional(question, part) && form[choiceName(at)] !== "yes";
  const parts = partsOf(question);
  return {
    allowed: together(
      parts.filter((part, at) => !isDeclined(part, at)),
      question,
    ),
    declined: together(parts.filter(isDeclined), question),
    until: typeof length === "number" ? now + length : length,
  };
}

const together = (parts: readonly Part[], question: ConsentQuestion): Allowed =>
  asToday(parts.map(({ part }) => part).reduce(joined, NOTHING), question);

/** With the APIs and scopes as they are while the page is shown. */
const asToday = (allowed: Allowed, { resources }: Pick<ConsentQuestion, "resources">): Allowed =>
  withCurrentScopes(stamped(allowed, resources));
