/**
 * The grant that an authorization request is judged by: that of its session and client, with what need not be asked for
 * again. Whatever is missing in it, the library asks the user for.
 *
 * Nothing is stored while it is judged: anybody can make a link to an app, and it must not give that app anything before the
 * request has passed. Then it is stored, once, before the code is made (interaction-rules.ts).
 */
import { hasCode } from "@portcullis/protocol";
import type { Client, KoaContextWithOIDC } from "oidc-provider";
import { FIRST_PARTY } from "../../apps/app-settings.ts";
import { requestState } from "../request-state.ts";
import { type Allowed, allowedIn, type Consents, isWithin } from "../state/consents.ts";
import type { GrantOwner, GrantPayload, GrantStore } from "../state/grant-store.ts";
import { givesAnything } from "./account-claims.ts";
import { allow, extendGrant } from "./extend-grant.ts";
import { storeSignIn } from "./open-sign-in.ts";

export interface GrantSources {
  readonly grants: GrantStore;
  readonly consents: Consents;
  /** What is left of a session's life: seconds. */
  readonly lifeOf: (session: { readonly loginTs?: number | undefined }) => number;
}

/** By session and client and not by what an interaction says: two tabs that consent at once share one grant. */
export async function existingGrant(ctx: KoaContextWithOIDC, sources: GrantSources): Promise<Grant> {
  const owner = ownerOf(ctx);
  const grant = await heldGrant(ctx, sources, owner);
  const unasked = await unaskedFor(ctx, sources, owner);
  if (unasked !== undefined && !isWithin(unasked, allowedIn(grant))) {
    allow(grant, unasked);
    const judged = allowedIn(grant);
    requestState(ctx).storeGrant = () => store(ctx, { sources, owner, unasked, judged });
  }
  await passOverEmpty(ctx, grant);
  return grant;
}

type Grant = InstanceType<KoaContextWithOIDC["oidc"]["provider"]["Grant"]>;

async function heldGrant(
  { oidc: { provider } }: KoaContextWithOIDC,
  { grants }: GrantSources,
  owner: GrantOwner,
): Promise<Grant> {
  const id = await grants.idFor(owner.sessionUid, owner.clientId);
  const held = id === undefined ? undefined : await provider.Grant.find(id);
  return held ?? new provider.Grant(owner);
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

interface Passed {
  readonly sources: GrantSources;
  readonly owner: GrantOwner;
  readonly unasked: Allowed;
  readonly judged: Allowed;
}

/** False when it holds less than what the request was judged by: then the user is asked. */
async function store(ctx: KoaContextWithOIDC, { sources, owner, unasked, judged }: Passed): Promise<boolean> {
  const { oidc } = ctx;
  // A grant hangs below a session that is stored, and the library stores one that has just begun at the end of the request.
  await storeSignIn(ctx, sources.lifeOf);
  const id = await extend(ctx, { sources, owner, unasked });
  const stored = id === undefined ? undefined : await oidc.provider.Grant.find(id);
  if (stored === undefined || !isWithin(judged, allowedIn(stored))) return false;
  await passOverEmpty(ctx, stored);
  oidc.entity("Grant", stored);
  oidc.session!.grantIdFor(owner.clientId, id!);
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

/** For an app of the operator's own all that it asks for, and for any other what its user has allowed before. */
async function unaskedFor(
  ctx: KoaContextWithOIDC,
  { consents }: GrantSources,
  owner: GrantOwner,
): Promise<Allowed | undefined> {
  return isFirstParty(ctx.oidc.client) ? askedFor(ctx) : consents.find(owner);
}

/** What the library's declarations leave out. */
interface AskedFor {
  readonly requestParamOIDCScopes: ReadonlySet<string>;
  readonly requestParamScopes: ReadonlySet<string>;
  readonly requestParamClaims: ReadonlySet<string>;
  readonly resourceServers: Readonly<Record<string, { readonly scopes: ReadonlySet<string> }>>;
}

function askedFor({ oidc }: KoaContextWithOIDC): Allowed {
  const asked = oidc as unknown as AskedFor;
  const resources = Object.entries(asked.resourceServers).map(([resource, { scopes }]) => {
    const available = [...asked.requestParamScopes].filter((scope) => scopes.has(scope));
    return [resource, available] as const;
  });
  return {
    scopes: [...asked.requestParamOIDCScopes],
    claims: [...asked.requestParamClaims],
    resources: Object.fromEntries(resources),
  };
}

interface Extension {
  readonly sources: GrantSources;
  readonly owner: GrantOwner;
  readonly unasked: Allowed;
}

/** Undefined when the consent was withdrawn meanwhile, or the session has ended: then the user is asked. */
async function extend(
  { oidc }: KoaContextWithOIDC,
  { sources: { grants }, owner, unasked }: Extension,
): Promise<string | undefined> {
  const { provider, client } = oidc;
  const withAllowed = (existing: GrantPayload | undefined, allowed: Allowed) =>
    extendGrant(provider, { owner, existing, allowed });
  try {
    return isFirstParty(client)
      ? await grants.open(owner, unasked, withAllowed)
      : await grants.takeUp(owner, withAllowed);
  } catch (error) {
    if (hasCode(error, "session_over")) return undefined;
    throw error;
  }
}
