/**
 * The grant that an authorization request is judged by: that of its session and client, with what need not be asked for
 * again. Whatever is missing in it, the library asks the user for.
 *
 * Nothing is stored while it is judged: anybody can make a link to an app, and it must not give that app anything before the
 * request has passed. Then it is stored, once, before the code is made (interaction-rules.ts).
 */
import { hasCode } from "@portcullis/protocol";
import { type Client, errors, type KoaContextWithOIDC } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { FIRST_PARTY, OPTIONAL_SCOPES } from "../../apps/app-settings.ts";
import { requestState } from "../request-state.ts";
import {
  type Allowed,
  allowedIn,
  contentOf,
  currentOf,
  type EditionsOf,
  heldIn,
  isOfEdition,
  isWithin,
  joined,
  NOTHING,
  ofCurrentApis,
  rejectedIn,
  withCurrentScopes,
  without,
} from "../state/allowed.ts";
import type { Consents } from "../state/consents.ts";
import type { GrantContent, GrantOwner, GrantPayload, GrantStore } from "../state/grant-store.ts";
import { givesAnything } from "./account-claims.ts";
import { chosenIn, NO_ROOM_FOR_APP } from "./app-limit-prompt.ts";
import { extendGrant } from "./extend-grant.ts";
import { storeSignIn } from "./open-sign-in.ts";
import { claimsOfScopes, optionalIn, withClaims } from "./optional-scopes.ts";
import { claimsOfUserIn } from "./requested-claims.ts";

export interface GrantSources {
  readonly grants: GrantStore;
  readonly consents: Consents;
  readonly apis: Pick<Apis, "named">;
  /** What is left of a session's life: seconds. */
  readonly lifeOf: (session: { readonly loginTs?: number | undefined }) => number;
}

/** By session and client and not by what an interaction says: two tabs that consent at once share one grant. */
export async function existingGrant(ctx: KoaContextWithOIDC, sources: GrantSources): Promise<Grant> {
  const owner = ownerOf(ctx);
  const apis = await sources.apis.named(Object.keys(askedOf(ctx).resourceServers));
  const grant = await heldGrant(ctx, sources, owner);
  const stored = currentOf(allowedIn(grant), apis);
  const unasked = await unaskedFor(ctx, sources, { owner, apis });
  const rejected = rejectedFor(ctx, grant, unasked);
  const judged = without(joined(countedIn(ctx, grant, stored), unasked?.allowed ?? NOTHING), rejected);
  if (unasked !== undefined && lacks(grant, { stored, wanted: without(unasked.allowed, rejected), apis }))
    requestState(ctx).storeGrant = () =>
      store(ctx, { sources, owner, apis, unasked: unasked.allowed, judged });
  Object.assign(grant, contentOf(judged), { rejected: contentOf(rejected) });
  if (unasked !== undefined && isSilent(ctx)) passOverOptional(ctx, grant);
  await passOverEmpty(ctx, grant);
  passOverTold(ctx, grant);
  return grant;
}

type Grant = InstanceType<KoaContextWithOIDC["oidc"]["provider"]["Grant"]> & Pick<GrantPayload, "once">;

async function heldGrant(
  { oidc: { provider } }: KoaContextWithOIDC,
  { grants }: GrantSources,
  owner: GrantOwner,
): Promise<Grant> {
  const id = await grants.idFor(owner.sessionUid, owner.clientId);
  const held = id === undefined ? undefined : await provider.Grant.find(id);
  return held ?? new provider.Grant(owner);
}

/** What was allowed for this time counts for the request that it was allowed for. */
const countedIn = (ctx: KoaContextWithOIDC, grant: Grant, stored: Allowed): Allowed =>
  isAnsweredNow(ctx, grant) ? stored : without(stored, grant.once ?? NOTHING);

/** And so does what was declined for this time: another request is judged by what is remembered. */
const rejectedFor = (ctx: KoaContextWithOIDC, grant: Grant, unasked: Unasked | undefined): Allowed =>
  isAnsweredNow(ctx, grant) && !isFirstParty(ctx.oidc.client)
    ? rejectedIn(grant)
    : (unasked?.declined ?? NOTHING);

function isAnsweredNow({ oidc }: KoaContextWithOIDC, { jti }: Grant): boolean {
  const { consent } = (oidc.result ?? {}) as { readonly consent?: { readonly grantId?: string } };
  return consent?.grantId !== undefined && consent.grantId === jti;
}

interface Wanted {
  readonly stored: Allowed;
  readonly wanted: Allowed;
  readonly apis: readonly EditionsOf[];
}

const lacks = (grant: Grant, { stored, wanted, apis }: Wanted): boolean =>
  !isWithin(wanted, stored) || !apis.every((api) => isOfEdition(heldIn(grant), api));

const isSilent = ({ oidc }: KoaContextWithOIDC): boolean => oidc.promptPending("none");

/**
 * Nobody can be asked, and what the app can do without need not stop it: it is left out of this answer. It is not remembered as
 * declined: the next request that may ask does.
 */
function passOverOptional(ctx: KoaContextWithOIDC, grant: Grant): void {
  const rejected = rejectedIn(grant);
  const missing = without(optionalIn(askedFor(ctx), optionalOf(ctx.oidc.client)), allowedIn(grant));
  Object.assign(grant, { rejected: contentOf(joined(rejected, missing)) });
}

/**
 * Takes what gives nothing of this user for answered, so that nobody is asked about an e-mail address that is not there. Nor is it
 * granted: once there is one, the user is asked.
 */
async function passOverEmpty(ctx: KoaContextWithOIDC, grant: Grant): Promise<void> {
  const { scopes, claims } = askedFor(ctx);
  const held = allowedIn(grant);
  const known = await ctx.oidc.account!.claims("userinfo", scopes.join(" "), {}, []);
  const emptyScopes = scopes.filter((scope) => !held.scopes.includes(scope) && !givesAnything(scope, known));
  const emptyClaims = claims.filter((claim) => !held.claims.includes(claim) && !Object.hasOwn(known, claim));
  if (emptyScopes.length > 0) grant.rejectOIDCScope(emptyScopes.join(" "));
  if (emptyClaims.length > 0) grant.rejectOIDCClaims(emptyClaims);
}

/**
 * A claim that a granted scope of this very request gives is told by that: nobody is asked about it again. A scope that was granted
 * before, and is not asked for now, tells nothing now.
 */
function passOverTold(ctx: KoaContextWithOIDC, grant: Grant): void {
  const { scopes, claims } = askedFor(ctx);
  const granted = allowedIn(grant).scopes;
  const told = claimsOfScopes(
    claims,
    scopes.filter((scope) => granted.includes(scope)),
  );
  if (told.length > 0) grant.addOIDCClaims(told);
}

interface Passed {
  readonly sources: GrantSources;
  readonly owner: GrantOwner;
  readonly apis: readonly EditionsOf[];
  readonly unasked: Allowed;
  readonly judged: Allowed;
}

/** False when it holds less than what the request was judged by: then the user is asked. */
async function store(ctx: KoaContextWithOIDC, passed: Passed): Promise<boolean> {
  const { oidc } = ctx;
  // A grant hangs below a session that is stored, and the library stores one that has just begun at the end of the request.
  await storeSignIn(ctx, passed.sources.lifeOf);
  const id = await extend(ctx, passed);
  const stored = id === undefined ? undefined : await oidc.provider.Grant.find(id);
  if (stored === undefined || !isWithin(passed.judged, currentOf(allowedIn(stored), passed.apis)))
    return false;
  // The code is made of what the request was judged by: what else the grant holds was not asked about in it.
  const { rejected } = oidc.entities.Grant as unknown as { readonly rejected?: object };
  Object.assign(stored, contentOf(passed.judged), { rejected });
  oidc.entity("Grant", stored);
  oidc.session!.grantIdFor(passed.owner.clientId, id!);
  return true;
}

function ownerOf({ oidc }: KoaContextWithOIDC): GrantOwner {
  return {
    sessionUid: oidc.session!.uid,
    accountId: oidc.account!.accountId,
    clientId: oidc.client!.clientId,
  };
}

const isFirstParty = (client: Client | undefined): boolean => client?.[FIRST_PARTY] === true;

const optionalOf = (client: Client | undefined): readonly string[] =>
  (client?.[OPTIONAL_SCOPES] ?? []) as readonly string[];

interface Unasked {
  readonly allowed: Allowed;
  readonly declined: Allowed;
}

/** For an app of the operator's own all that it asks for, and for any other what its user has answered before. */
async function unaskedFor(
  ctx: KoaContextWithOIDC,
  { consents }: GrantSources,
  { owner, apis }: { readonly owner: GrantOwner; readonly apis: readonly EditionsOf[] },
): Promise<Unasked | undefined> {
  const { client } = ctx.oidc;
  if (isFirstParty(client)) return { allowed: withCurrentScopes(askedFor(ctx)), declined: NOTHING };
  const consent = await consents.find(owner);
  if (consent === undefined) return undefined;
  const { claims } = askedFor(ctx);
  // What the app cannot do without by now is asked for again.
  const declined = optionalIn(ofCurrentApis(consent.declined, apis), optionalOf(client));
  return {
    allowed: currentOf(consent.allowed, apis),
    declined: withClaims(declined, claims),
  };
}

/** What the library's declarations leave out. */
interface AskedFor {
  readonly requestParamOIDCScopes: ReadonlySet<string>;
  readonly requestParamScopes: ReadonlySet<string>;
  readonly resourceServers: Readonly<Record<string, { readonly scopes: ReadonlySet<string> }>>;
}

const askedOf = ({ oidc }: KoaContextWithOIDC): AskedFor => oidc as unknown as AskedFor;

function askedFor(ctx: KoaContextWithOIDC): Allowed {
  const asked = askedOf(ctx);
  const resources = Object.entries(asked.resourceServers).map(([resource, { scopes }]) => {
    const available = [...asked.requestParamScopes].filter((scope) => scopes.has(scope));
    return [resource, available] as const;
  });
  return {
    scopes: [...asked.requestParamOIDCScopes],
    claims: claimsOfUserIn(ctx.oidc.params?.claims),
    resources: Object.fromEntries(resources),
  };
}

/** Undefined when the consent was withdrawn meanwhile, or the session has ended: then the user is asked. */
async function extend(
  { oidc }: KoaContextWithOIDC,
  { sources: { grants }, owner, apis, unasked }: Passed,
): Promise<string | undefined> {
  const { provider, client, result } = oidc;
  const withAllowed = (existing: GrantPayload | undefined, content: GrantContent) =>
    extendGrant(provider, { owner, existing, content, apis });
  const joining = { ...owner, ends: chosenIn(result) };
  try {
    return isFirstParty(client)
      ? await grants.open(joining, unasked, withAllowed)
      : await grants.takeUp(joining, withAllowed);
  } catch (error) {
    if (hasCode(error, "session_over")) return undefined;
    // Another session came first, since the user was asked.
    if (hasCode(error, "session_limit_reached")) throw new errors.AccessDenied(NO_ROOM_FOR_APP);
    throw error;
  }
}
