/**
 * Nobody gives what he has not: whoever makes, changes, stops, deletes or gets a secret of an app has all that the app can do here
 * beyond what any app can. A person who calls is an administrator, and an app with every scope of this API is as much: both have all.
 */
import type { Caller } from "@portcullis/http-api";
import { API_SCOPES } from "@portcullis/protocol";
import type { Apis } from "../../apis/apis.ts";
import type { NamedSettings } from "../../apps/app-settings.ts";
import type { Clients } from "../../apps/clients.ts";
import { appsError } from "../../apps/errors.ts";

export interface GivingParts {
  readonly apis: Pick<Apis, "own" | "account">;
  readonly clients: Pick<Clients, "get">;
}

/** Throws `not_yours_to_give` if one of the apps can do what the caller cannot. */
export type AssertMayGive = (...given: readonly NamedSettings[]) => void;

/** Returns what asks. Who calls is looked at before the transaction, which waits for nothing else. */
export async function giverOf(
  parts: GivingParts,
  { clientId, subject }: Pick<Caller, "clientId" | "subject">,
): Promise<AssertMayGive> {
  if (subject !== undefined) return () => {};
  const giver = await parts.clients.get(clientId);
  if (isAdministrator(giver, parts)) return () => {};
  const held = new Set(powersOf(giver, parts));
  return (...given) => {
    const powers = new Set(given.flatMap((app) => powersOf(app, parts)));
    const lacking = [...powers].filter((power) => !held.has(power));
    if (lacking.length > 0) throw notYours(clientId, lacking);
  };
}

function isAdministrator({ apis: held }: NamedSettings, { apis }: GivingParts): boolean {
  const scopes = held[apis.own.identifier] ?? [];
  return Object.values(API_SCOPES).every((scope) => scopes.includes(scope));
}

const notYours = (clientId: string, lacking: readonly string[]) =>
  appsError("not_yours_to_give", {
    text: `The app ${clientId}, which makes this call, has not these powers itself: ${lacking.join(", ")}. Call as an administrator, or as an app that has them. Nothing was changed.`,
  });

type Powers = (app: NamedSettings, parts: GivingParts) => readonly string[];

const NONE: Powers = () => [];

/** A line for each setting: one that is new does not compile before somebody has said what it gives. */
const POWERS: { readonly [Setting in keyof NamedSettings]-?: Powers } = {
  name: NONE,
  type: NONE,
  clientAuthentication: NONE,
  // Whose keys these are acts as the app, with what it has: that is in the other lines.
  jwks: NONE,
  jwksUri: NONE,
  // Whoever owns one gets what the app gets: that is in the other lines.
  redirectUris: NONE,
  postLogoutRedirectUris: NONE,
  grantTypes: NONE,
  apis: powersAtOwnApis,
  defaultApi: NONE,
  optionalScopes: NONE,
  // Nobody is asked: an administrator who only visits a page has given it what it may have.
  firstParty: ({ firstParty }) => (firstParty ? ["firstParty"] : []),
  // People type their passwords into it.
  jsonSignIn: ({ jsonSignIn }) => (jsonSignIn ? ["jsonSignIn"] : []),
  introspectsAnyToken: ({ introspectsAnyToken }) => (introspectsAnyToken ? ["introspectsAnyToken"] : []),
  requirePkce: NONE,
  // Nothing that the app could not pass on to the API itself.
  userinfoWithApiToken: NONE,
  idTokenAlgorithm: NONE,
  accessTokenTtlSeconds: NONE,
  refreshTokenIdleSeconds: NONE,
  refreshTokenAbsoluteSeconds: NONE,
  sessionIdleSeconds: NONE,
  sessionAbsoluteSeconds: NONE,
  sessionLimit: NONE,
  // Whoever owns the address learns who has left the app, and nothing else.
  backchannelLogoutUri: NONE,
  backchannelLogoutSessionRequired: NONE,
  // Whoever owns the page learns that the user has signed out, and owns a redirect URI besides.
  frontchannelLogoutUri: NONE,
  frontchannelLogoutSessionRequired: NONE,
};

const powersOf = (app: NamedSettings, parts: GivingParts): readonly string[] =>
  Object.values(POWERS).flatMap((powers) => powers(app, parts));

/** For people is more than for itself: in the name of an administrator a scope reaches over other administrators too. */
function powersAtOwnApis({ apis: held, grantTypes }: NamedSettings, { apis }: GivingParts): string[] {
  const scopes = [apis.own, apis.account].flatMap(({ identifier }) => held[identifier] ?? []);
  const isForPeople = grantTypes.some((grantType) => grantType !== "client_credentials");
  return isForPeople ? scopes.flatMap((scope) => [scope, `${scope} for people`]) : scopes;
}
