/**
 * OpenID Connect Front-Channel Logout 1.0: the browser loads a page of each app that was in the session, and the app signs out there,
 * by its own cookie. Their tokens are dead before that, and without it; an app whose page is not loaded, or gets no cookie since the
 * browser gives none to frames of other sites, goes on showing what it showed.
 */
import type { Client } from "oidc-provider";
import { FRONTCHANNEL_LOGOUT_SESSION_REQUIRED, FRONTCHANNEL_LOGOUT_URI } from "../apps/app-settings.ts";
import { ROUTES } from "../paths.ts";
import type { FormTokens } from "../secrets/form-tokens.ts";
import { sealRequest } from "./sign-out-request.ts";

/** Who is to be told of which session. In the address of a page of ours, so that nothing is kept of it. */
export interface ToldApp {
  readonly clientId: string;
  readonly sid: string;
}

/** Whom a page of ours tells, and how many more would be told if its address were not too long for it. */
export interface Told {
  readonly apps: readonly ToldApp[];
  readonly untold: number;
}

/** What the page is about that loads the others. */
export interface Telling extends Told {
  readonly leadTo: string;
}

export const NOBODY_TOLD: Told = { apps: [], untold: 0 };

export const APPS_PATH = `${ROUTES.end_session}/apps`;

/** More would be too long for an address, and a page that loads so many takes too long to load. */
const MAX_APPS = 30;

export interface AppsInSessions {
  readonly clientsIn: (sessionUid: string) => Promise<readonly string[]>;
  readonly findClient: (clientId: string) => Promise<Client | undefined>;
}

/**
 * Returns those who were told before, and whom to tell of a session that goes on: once it has ended, nothing says who was in it. Those
 * without such a page are left out.
 */
export async function appsToTell(
  { clientsIn, findClient }: AppsInSessions,
  sid: string,
  before: Told = NOBODY_TOLD,
): Promise<Told> {
  const apps = [...before.apps];
  let { untold } = before;
  for (const clientId of (await clientsIn(sid)).toSorted()) {
    if (addressOf(await findClient(clientId)) === undefined) continue;
    if (apps.length < MAX_APPS) apps.push({ clientId, sid });
    else untold++;
  }
  return { apps, untold };
}

/** Returns the address of the page that tells them and leads on; it is all that is kept of it, so a reload ends nothing. */
export function pathThroughApps(forms: FormTokens, telling: Telling): string {
  if (telling.apps.length === 0) return telling.leadTo;
  const { request, xsrf } = sealRequest(forms, "tell apps", telling);
  return `${APPS_PATH}?${new URLSearchParams({ request, xsrf })}`;
}

/** As it is registered now; undefined for an app that has no such page any more. */
export async function frameOf(
  { findClient, issuer }: Pick<AppsInSessions, "findClient"> & { readonly issuer: string },
  { clientId, sid }: ToldApp,
): Promise<string | undefined> {
  const client = await findClient(clientId);
  const address = addressOf(client);
  if (address === undefined) return undefined;
  const url = new URL(address);
  if (client?.[FRONTCHANNEL_LOGOUT_SESSION_REQUIRED] !== false) {
    url.searchParams.set("iss", issuer);
    url.searchParams.set("sid", sid);
  }
  return url.href;
}

const addressOf = (client: Client | undefined): string | undefined =>
  client?.[FRONTCHANNEL_LOGOUT_URI] as string | undefined;
