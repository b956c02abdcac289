/** Before an app comes into one session more than it may be in: the user is asked where it ends, or the app is refused. */
import { errors, interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";
import { MAX_CHOOSABLE, type Room } from "../../sign-in/choose-session.ts";
import type { Joining } from "../state/app-limit.ts";

const { Check, Prompt } = interactionPolicy;

export const CHOOSE_SESSION = "choose_session";
export const NO_ROOM_FOR_APP =
  "The user is signed in to this app on as many devices as is allowed. Sign out of it on one of them first.";

export type RoomForApp = (joining: Joining) => Promise<Room>;

/** What the page has left: `uid`s of the sessions in which the app ends. */
export const chosenIn = (result: { readonly [name: string]: unknown } | undefined): readonly string[] =>
  (result?.[CHOOSE_SESSION] as { readonly ends?: readonly string[] } | undefined)?.ends ?? [];

export const appLimitPrompt = (roomFor: RoomForApp) =>
  new Prompt(
    { name: CHOOSE_SESSION },
    new Check("app_limit", "the app is in as many sessions as it may be", (ctx: KoaContextWithOIDC) =>
      lacksRoom(ctx, roomFor),
    ),
  );

/** An app that is in the session already comes into no other. */
async function lacksRoom({ oidc }: KoaContextWithOIDC, roomFor: RoomForApp): Promise<boolean> {
  const { jti } = (oidc.entities.Grant ?? {}) as { readonly jti?: string };
  if (jti !== undefined) return false;
  const room = await roomFor({
    accountId: oidc.account!.accountId,
    clientId: oidc.client!.clientId,
    sessionUid: oidc.session!.uid,
  });
  if (room.excess === 0) return false;
  if (!room.isAsked || room.sessions.length > MAX_CHOOSABLE) throw new errors.AccessDenied(NO_ROOM_FOR_APP);
  const chosen = room.sessions.filter(({ uid }) => chosenIn(oidc.result).includes(uid));
  return chosen.length < room.excess;
}
