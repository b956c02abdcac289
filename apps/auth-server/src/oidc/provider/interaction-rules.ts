/**
 * When the user is asked: as the library says, but for native apps, whose consents are remembered too. The library goes
 * through the prompts in turn, up to the first that has something to ask; so the last one runs when the request has passed.
 */
import { errors, interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { requestState } from "../request-state.ts";
import { type OwnApiAccess, ownApiRefusal } from "../tokens/own-api-access.ts";
import { appLimitPrompt, type RoomForApp } from "./app-limit-prompt.ts";
import type { NeedsFreshSignIn } from "./fresh-sign-in.ts";
import type { OpenSignIn } from "./open-sign-in.ts";
import { askForEssentialAcr, askForRequestedSubject } from "./requested-claims.ts";
import { askForOtherAccount, SELECT_ACCOUNT, selectAccountPrompt } from "./select-account.ts";

const { Check, Prompt, base } = interactionPolicy;

export interface InteractionRules {
  readonly ownApi: OwnApiAccess;
  readonly openSignIn: OpenSignIn;
  readonly roomForApp: RoomForApp;
  readonly needsFreshSignIn: NeedsFreshSignIn;
}

export function interactionRules({ ownApi, openSignIn, roomForApp, needsFreshSignIn }: InteractionRules) {
  const policy = base();
  const { checks } = policy.get("login")!;
  for (const reason of ["essential_acr", "essential_acrs", "claims_id_token_sub_value"])
    checks.remove(reason);
  checks.add(askForEssentialAcr());
  checks.add(askForRequestedSubject());
  checks.add(askForOtherAccount());
  checks.add(askAgainWithoutRoom(openSignIn));
  checks.add(askForFreshSignIn(needsFreshSignIn));
  policy.add(selectAccountPrompt(), 0);
  const consent = policy.get("consent")!;
  consent.checks.remove("native_client_prompt");
  consent.checks.add(askForNativeApp());
  policy.add(new Prompt({ name: "own_api" }, refuseOwnApi(ownApi)), policy.indexOf(consent));
  policy.add(appLimitPrompt(roomForApp), policy.indexOf(consent));
  policy.add(new Prompt({ name: "consent" }, storeGrant()));
  return policy;
}

/** Of the sign-in that found no room when its session was to be opened. */
export const SESSION_LIMIT = "session_limit";

/**
 * Somebody else signed in after the page had asked which session ends: asked again. The library would open the session at the
 * end of the request, where there is nobody left to ask.
 */
const askAgainWithoutRoom = (openSignIn: OpenSignIn) =>
  new Check(
    SESSION_LIMIT,
    "there is no room for another session",
    async (ctx: KoaContextWithOIDC) => ctx.oidc.result?.login !== undefined && !(await openSignIn(ctx)),
  );

/** As with `max_age`: without a page to ask on (`prompt=none`) the app hears `login_required`. */
const askForFreshSignIn = (needsFreshSignIn: NeedsFreshSignIn) =>
  new Check(
    "session_lifetime",
    "the app needs a fresh sign-in",
    "login_required",
    (ctx: KoaContextWithOIDC) => needsFreshSignIn(ctx),
  );

/** Asks nobody: no page of ours would change it. After the sign-in, and before anything is allowed to the app. */
const refuseOwnApi = (ownApi: OwnApiAccess) =>
  new Check("own_api", "the server's own API is not for everybody", async ({ oidc }: KoaContextWithOIDC) => {
    const request = {
      clientId: oidc.client!.clientId,
      accountId: oidc.account!.accountId,
      audience: Object.keys(oidc.resourceServers ?? {}),
    };
    const refusal = await ownApiRefusal(ownApi, request);
    if (refusal !== undefined) throw new errors.AccessDenied(refusal);
    return false;
  });

/** What was allowed may be withdrawn while the request is judged. Its own prompt: the checks of one run at once. */
const storeGrant = () =>
  new Check(
    "consent_withdrawn",
    "what was allowed has been withdrawn",
    "consent_required",
    async (ctx: KoaContextWithOIDC) => (await requestState(ctx).storeGrant?.()) === false,
  );

/**
 * RFC 8252, section 8.6: another program on the device can pretend to be a native app, so that a request of one is never
 * answered while nobody looks. The library would ask for consent each time; whoever has just signed in has looked.
 */
const askForNativeApp = () =>
  new Check(
    "native_client_prompt",
    "native clients require End-User interaction",
    "interaction_required",
    ({ oidc }: KoaContextWithOIDC) => oidc.client?.applicationType === "native" && !hasLooked(oidc.result),
  );

const hasLooked = (result: Readonly<Record<string, unknown>> | undefined): boolean =>
  ["login", "consent", SELECT_ACCOUNT].some((answered) => result?.[answered] !== undefined);
