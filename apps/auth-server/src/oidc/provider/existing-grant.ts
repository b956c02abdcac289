/**
 * The grant that an authorization request goes on with: that of its session and client, with what need not be asked for
 * again. Whatever is missing in it, the library asks the user for.
 */
import { hasCode } from "@portcullis/protocol";
import type { Client, KoaContextWithOIDC } from "oidc-provider";
import { FIRST_PARTY } from "../../apps/clients.ts";
import { type Allowed, allowedIn, type Consents, isWithin } from "../state/consents.ts";
import type { GrantOwner, GrantPayload, GrantStore } from "../state/grant-store.ts";
import { extendGrant } from "./extend-grant.ts";

export interface GrantSources {
  readonly grants: GrantStore;
  readonly consents: Consents;
  readonly sessionLifeSeconds: number;
}

const NOTHING: Allowed = { scopes: [], claims: [], resources: {} };

/** By session and client and not by what an interaction says: two tabs that consent at once share one grant. */
export async function existingGrant(ctx: KoaContextWithOIDC, sources: GrantSources) {
  const { Grant } = ctx.oidc.provider;
  const owner = ownerOf(ctx);
  const id = await sources.grants.idFor(owner.sessionUid, owner.clientId);
  const grant = id === undefined ? undefined : await Grant.find(id);
  const held = grant === undefined ? NOTHING : allowedIn(grant);
  const unasked = await unaskedFor(ctx, sources, owner);
  if (unasked === undefined || isWithin(unasked, held)) return grant;
  await storeSignIn(ctx, sources);
  const extended = await extend(ctx, { sources, owner, unasked });
  return extended === undefined ? undefined : Grant.find(extended);
}

/**
 * A grant hangs below a session that is stored, and the library stores one that has just begun at the end of the request.
 * It does so once more then, since the cookie comes with that.
 */
async function storeSignIn(
  { oidc }: KoaContextWithOIDC,
  { sessionLifeSeconds }: GrantSources,
): Promise<void> {
  const session = oidc.session as unknown as {
    touched?: boolean;
    save(ttlSeconds: number): Promise<unknown>;
  };
  if (session.touched !== true) return;
  await session.save(sessionLifeSeconds);
  session.touched = true;
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
      ? await grants.open(owner, (existing) => withAllowed(existing, unasked))
      : await grants.takeUp(owner, withAllowed);
  } catch (error) {
    if (hasCode(error, "session_over")) return undefined;
    throw error;
  }
}
