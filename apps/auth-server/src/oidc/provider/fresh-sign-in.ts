/**
 * Whether the app of an authorization request may come into the session as it is. It may not when the sign-in is too old for it, or
 * it was not used in the session for too long: then the person signs in again, as with `max_age`.
 */
import type { Clock } from "@portcullis/protocol";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { GrantStore } from "../state/grant-store.ts";
import { timesHeld } from "../tokens/held-times.ts";

export interface FreshSignInOptions {
  readonly apis: Pick<Apis, "sessionTimes">;
  readonly grants: Pick<GrantStore, "idFor" | "heldBy">;
  readonly clock: Clock;
}

export type NeedsFreshSignIn = (ctx: KoaContextWithOIDC) => Promise<boolean>;

export const needsFreshSignIn =
  ({ apis, grants, clock }: FreshSignInOptions): NeedsFreshSignIn =>
  async (ctx) => {
    const session = ctx.oidc.session as unknown as {
      accountId?: string;
      uid: string;
      loginTs?: number;
    };
    // Nobody is signed in, or has just signed in.
    if (session.accountId === undefined || ctx.oidc.result?.login !== undefined) return false;
    const { idleSeconds, absoluteSeconds } = await timesHeld(ctx, apis);
    const now = wholeSeconds(clock);
    // To the second, as a token is refused: with a skew in favour of the person, the app would get a code that is good for nothing.
    const isOver = (seconds: number) => session.loginTs === undefined || session.loginTs + seconds <= now;
    if (absoluteSeconds !== undefined && isOver(absoluteSeconds)) return true;
    if (idleSeconds === undefined || !isOver(idleSeconds)) return false;
    const grantId = await grants.idFor(session.uid, ctx.oidc.client!.clientId);
    if (grantId === undefined) return true;
    const held = await grants.heldBy({ grantId, times: { idleSeconds }, now });
    return held?.outlived !== undefined;
  };
