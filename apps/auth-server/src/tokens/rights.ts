/**
 * What the owner of a token may have in it, at this moment: what the token was made with is never more than that, and what is taken from the
 * owner afterwards is taken from the token, whatever its row says.
 */
import type { OpaqueTokenKind, Reason } from "@portcullis/protocol";
import type { Api, Apis } from "../apis/apis.ts";
import { CLIENT_RESOURCES } from "../apps/app-settings.ts";
import type { Clients } from "../apps/clients.ts";
import type { Bans } from "../bans/bans.ts";
import type { StandingBan } from "../bans/standing-bans.ts";
import type { User, Users } from "../people/users.ts";

export type Permitted = { readonly permissions: readonly string[] } | { readonly reason: Reason };

/** Of a user. `reason`: why there is no token of the user for this API. */
export function permittedToUser(api: Api | undefined, bans: readonly StandingBan[]): Permitted {
  if (api === undefined || api.personalTokenPermissions.length === 0) return { reason: "revoked" };
  const reaching = bans.filter((ban) => ban.api === undefined || ban.api === api.identifier);
  if (reaching.some(({ permission }) => permission === undefined)) return { reason: "banned" };
  const banned = new Set(reaching.map(({ permission }) => permission));
  return { permissions: ofApi(api, api.personalTokenPermissions).filter((word) => !banned.has(word)) };
}

/** Of an app, by what its settings say of the API. */
export function permittedToApp(api: Api | undefined, granted: readonly string[] | undefined): Permitted {
  if (api === undefined || granted === undefined) return { reason: "revoked" };
  return { permissions: ofApi(api, granted) };
}

const ofApi = ({ permissions }: Api, words: readonly string[]): string[] =>
  words.filter((word) => Object.hasOwn(permissions, word));

export interface Rights {
  readonly users: Pick<Users, "findActive">;
  readonly clients: Pick<Clients, "find">;
  readonly bans: Pick<Bans, "standing">;
  readonly apis: Pick<Apis, "findEnabled">;
}

export interface HeldToken {
  readonly kind: OpaqueTokenKind;
  readonly ownerId: string;
  readonly api: string;
  readonly apiEdition: number;
  /** Each permission that was chosen, with its edition. */
  readonly permissions: Readonly<Record<string, number>>;
}

export type Standing =
  | { readonly permissions: readonly string[]; readonly user?: User }
  /** It works no more, and why. */
  | { readonly reason: Reason };

/** Reads what is committed. Whoever answers by it has sampled the head of the log before. */
export async function standingOf(rights: Rights, token: HeldToken): Promise<Standing> {
  const found = await rights.apis.findEnabled(token.api);
  // One that has the name of an API that was deleted is another. The server's own APIs take no such token.
  const isIts = found?.edition === token.apiEdition && found.origin !== "built-in";
  const api = isIts ? found : undefined;
  const standing =
    token.kind === "personal" ? await ofUser(rights, token, api) : await ofApp(rights, token, api);
  if ("reason" in standing) return standing;
  return { ...standing, permissions: chosenOf(token, api!, standing.permissions) };
}

async function ofUser(
  { users, bans }: Rights,
  { ownerId }: HeldToken,
  api: Api | undefined,
): Promise<Standing> {
  const user = await users.findActive(ownerId);
  if (user === undefined) return { reason: "user_disabled" };
  const permitted = permittedToUser(api, await bans.standing(ownerId));
  return "reason" in permitted ? permitted : { ...permitted, user };
}

async function ofApp({ clients }: Rights, { ownerId }: HeldToken, api: Api | undefined): Promise<Standing> {
  const client = await clients.find(ownerId);
  if (client === undefined) return { reason: "client_disabled" };
  return permittedToApp(api, api && client[CLIENT_RESOURCES][api.identifier]);
}

/** A permission that was removed and added again is another one. */
function chosenOf({ permissions }: HeldToken, api: Api, permitted: readonly string[]): string[] {
  const isChosen = (word: string) =>
    Object.hasOwn(permissions, word) && permissions[word] === editionOf(api, word);
  return permitted.filter(isChosen);
}

export const editionOf = ({ permissionEditions }: Api, word: string): number => permissionEditions[word] ?? 0;
