/** What goes around the library's handler of every grant type: one transaction a request, grace, and replay. */
import { decodeJwt, decodeProtectedHeader } from "jose";
import { errors, type KoaContextWithOIDC } from "oidc-provider";
import { FIRST_PARTY, JSON_SIGN_IN } from "../../apps/app-settings.ts";
import { ownerOfToken } from "../../bans/banned-tokens.ts";
import type { Bans } from "../../bans/bans.ts";
import { isWhole, timeOf } from "../../bans/standing-bans.ts";
import { hashOfSecret } from "../../secrets/identifiers.ts";
import { replacementOf, toldReplacement } from "../../sessions/session-limit.ts";
import type { Storage } from "../../storage/storage.ts";
import type { Endings } from "../endings/endings.ts";
import type { GrantStore } from "../state/grant-store.ts";
import { LostRace } from "../state/lost-race.ts";
import type { RefreshAnswer, RefreshSuccessors } from "../state/refresh-successors.ts";
import { grantOfReplay, type Redemption } from "../state/spent-codes.ts";
import { inTokenUnit } from "../state/token-unit.ts";
import { BannedError } from "./banned-error.ts";
import { givenOidcScopes } from "./given-scopes.ts";
import type { IssuingPhase } from "./issuing-phase.ts";
import { type GrantHandler, withRefreshGrace } from "./refresh-grace.ts";
import type { RenewSignature } from "./renew-signature.ts";
import { ReplacedError } from "./replaced-error.ts";

export interface TokenRulesOptions {
  readonly storage: Storage;
  readonly successors: RefreshSuccessors;
  readonly issuing: IssuingPhase;
  readonly endings: Endings;
  readonly renewSignature: RenewSignature;
  readonly grants: Pick<GrantStore, "ranOut">;
  readonly bans: Pick<Bans, "standing">;
}

export function withTokenRules(options: TokenRulesOptions) {
  return (grantType: string, library: GrantHandler): GrantHandler => {
    const handler = keptFromDeadKeys(sayingWhatWasGiven(library), options);
    switch (grantType) {
      case "refresh_token":
        return tellingWhyItIsOver(
          options,
          withRefreshGrace(handler, {
            storage: options.storage,
            successors: options.successors,
            recheck: (answer) => recheck(options, answer),
          }),
        );
      case "authorization_code":
        return withKnownRedirectUri(endingReplays(inUnit(handler, options), options));
      default:
        return inUnit(handler, options);
    }
  };
}

/**
 * A code that came by JSON was led nowhere, so that its app has no `redirect_uri` to name, and the library wants one. PKCE takes its
 * place: the app that redeems the code is the one that asked for it.
 */
function withKnownRedirectUri(handler: GrantHandler): GrantHandler {
  return async (ctx) => {
    const { client, params, provider } = ctx.oidc;
    const given = params as { code?: unknown; redirect_uri?: string | undefined };
    const isByJson = client?.[JSON_SIGN_IN] === true && given.redirect_uri === undefined;
    if (isByJson && typeof given.code === "string") {
      const code = await provider.AuthorizationCode.find(given.code);
      if (code?.codeChallenge !== undefined) given.redirect_uri = code.redirectUri;
    }
    await handler(ctx);
  };
}

interface Refused {
  readonly error: InstanceType<typeof errors.InvalidGrant>;
  readonly token: string;
}

/** Whoever comes with a refresh token of what is over hears why, where that is known. */
function tellingWhyItIsOver(options: TokenRulesOptions, handler: GrantHandler): GrantHandler {
  return async (ctx) => {
    try {
      await handler(ctx);
    } catch (error) {
      const { refresh_token: token } = ctx.oidc.params as { refresh_token?: unknown };
      if (error instanceof errors.InvalidGrant && typeof token === "string") {
        await tellOfStandingBan(options, token);
        await tellOfReplacement(options.storage, ctx, token);
        await describeEndOfConsent(options, { error, token });
      }
      throw error;
    }
  };
}

/** First of all: while the ban stands, a sign-in would not help, whatever else became of the token. Once it is over, nobody hears of it. */
async function tellOfStandingBan({ storage, bans }: TokenRulesOptions, token: string): Promise<void> {
  const owner = await ownerOfToken(storage.read, hashOfSecret("RefreshToken", token));
  const ban = owner === undefined ? undefined : (await bans.standing(owner)).find(isWhole);
  if (ban !== undefined) throw new BannedError(ban);
}

/** A session that a newer one took the place of has ended with its refresh tokens: whoever comes with one hears what it was. */
async function tellOfReplacement(
  storage: Storage,
  { oidc: { client } }: KoaContextWithOIDC,
  token: string,
): Promise<void> {
  const by = await replacementOf(storage.read, hashOfSecret("RefreshToken", token));
  if (by !== undefined) throw new ReplacedError(toldReplacement(by, client?.[FIRST_PARTY] === true));
}

/** A consent that was given for a time is over by itself: nothing in the log says so, since no access token outlives it. */
async function describeEndOfConsent(
  { storage, grants }: TokenRulesOptions,
  { error, token }: Refused,
): Promise<void> {
  const row = await storage.read
    .selectFrom("oidc_artefacts")
    .select("grant_id")
    .where("id_hash", "=", hashOfSecret("RefreshToken", token))
    .executeTakeFirst();
  const at = row?.grant_id == null ? undefined : await grants.ranOut(row.grant_id);
  if (at === undefined) return;
  error.error_description = `consent_expired: the user has allowed the app this until ${timeOf(at)}`;
}

/**
 * `scope` of the answer is all that the user gave the app of what it asked for: the scopes of OpenID Connect, which the ID token
 * and userinfo follow, and the permissions at the API that the token is for. The library names what the access token has alone,
 * so that an app could not see that, say, `email` was declined. The token itself goes to the API, which those do not concern.
 * An app that acts for itself and gets nothing of what it asked for is refused: without `scope` in the answer it would take
 * itself for one that has got all (RFC 6749, section 5.1).
 */
function sayingWhatWasGiven(handler: GrantHandler): GrantHandler {
  return async (ctx) => {
    await handler(ctx);
    const body = ctx.body as { scope?: string };
    if (ctx.oidc.entities.Grant === undefined) return requireSomeScope(ctx, body.scope);
    const given = [...givenOidcScopes(ctx), ...(body.scope ?? "").split(" ")];
    body.scope = [...new Set(given.filter((scope) => scope !== ""))].join(" ");
  };
}

function requireSomeScope({ oidc }: KoaContextWithOIDC, given: string | undefined): void {
  const { scope: asked } = oidc.params as { readonly scope?: string };
  if (asked === undefined || given !== undefined) return;
  throw new errors.InvalidScope("the app may have none of these scopes at this API", asked);
}

/** Inside of the unit: what was signed with a key that was retired meanwhile is not stored either. */
function keptFromDeadKeys(handler: GrantHandler, { issuing }: TokenRulesOptions): GrantHandler {
  return async (ctx) => {
    await handler(ctx);
    await issuing.finish(kidsIn(ctx.body as Partial<RefreshAnswer["body"]>));
  };
}

/** Access and ID token may have keys of different algorithms. */
function kidsIn({ access_token, id_token }: Partial<RefreshAnswer["body"]>): string[] {
  const signed = [access_token, id_token].filter((token) => token?.includes("."));
  return [...new Set(signed.map((jwt) => decodeProtectedHeader(jwt!).kid!))];
}

const inUnit =
  (handler: GrantHandler, { storage }: TokenRulesOptions): GrantHandler =>
  (ctx) =>
    inTokenUnit(storage, () => handler(ctx));

/**
 * Of several requests with one code, one spends it. The others replay it, at once or weeks later, and RFC 6749, section
 * 4.1.2, wants what was made from it ended. The library sees those of the code's own minute; those that ran side by side
 * find out here, when they come to store, and later ones by what is remembered of spent codes. Only who has passed the
 * checks of the code, PKCE too, gets so far: a stolen code without its verifier ends nothing.
 */
function endingReplays(handler: GrantHandler, { endings, storage }: TokenRulesOptions): GrantHandler {
  return async (ctx) => {
    try {
      await handler(ctx);
    } catch (error) {
      if (error instanceof errors.InvalidGrant) {
        const grantId =
          error instanceof LostRace ? grantOf(ctx) : await grantOfReplay(storage, redemptionOf(ctx));
        if (grantId !== undefined) await endings.endGrant(grantId, "code_replay");
      }
      throw error;
    }
  };
}

const grantOf = (ctx: KoaContextWithOIDC): string | undefined => ctx.oidc.entities.AuthorizationCode?.grantId;

function redemptionOf({ oidc }: KoaContextWithOIDC): Redemption {
  const { code, code_verifier: verifier } = oidc.params as Record<string, unknown>;
  return { code, verifier, clientId: oidc.client!.clientId };
}

/** The answer was right when it was stored; whoever repeats the request gets it only if it would be given today. */
async function recheck(
  { issuing, renewSignature }: TokenRulesOptions,
  { horizon, body, ...facts }: RefreshAnswer,
): Promise<RefreshAnswer["body"]> {
  const { accountId, clientId, sessionUid, grantId } = facts;
  const audience = audienceOf(body.access_token);
  // What was withheld since leaves the answer as it was: its token is stale then, and the next refresh brings less.
  const withhold = () => {};
  // What was made seconds ago is not too old, and ends when it ends.
  const [timesHeld, endBy] = [async () => ({}), () => {}];
  // Its key is looked at below: a dead one is replaced.
  const own = { kid: undefined, withhold, timesHeld, endBy };
  const issued = { accountId, clientId, sessionUid, grantId, audience, ...own };
  await issuing.check(issued, horizon);
  return withLiveSignatures(body, renewSignature);
}

/** Returns the API that a token is for; undefined for an opaque one, which is for this server. */
function audienceOf(accessToken: string): string | string[] | undefined {
  const isOpaque = !accessToken.includes(".");
  return isOpaque ? undefined : decodeJwt(accessToken).aud;
}

/**
 * The key of the stored tokens may have been retired since. To refuse the repeat would end the session of somebody who lost
 * an answer in just these seconds, so that the same tokens are signed with the key of today.
 */
async function withLiveSignatures(
  body: RefreshAnswer["body"],
  renewSignature: RenewSignature,
): Promise<RefreshAnswer["body"]> {
  const access_token = await renewSignature(body.access_token);
  const isAnother = access_token !== body.access_token;
  const id_token =
    body.id_token && (await renewSignature(body.id_token, isAnother ? access_token : undefined));
  return { ...body, access_token, ...(id_token === undefined ? {} : { id_token }) };
}
