/**
 * Whether the app of an authorization request may come into the session as it is. It may not when the sign-in is too old for it, or
 * it was not used in the session for too long: then the person signs in again, as with `max_age`. But by the very second, and not with the
 * allowance for clocks that `max_age` has: the token endpoint has none, and would refuse each code until that is over.
 */
import type { Clock } from "@portcullis/protocol";
import type { KoaContextWithOIDC } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { GrantStore } from "../state/grant-store.ts";
import { hasTimes } from "../state/outlived-grants.ts";
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
      readonly accountId?: string;
      readonly uid: string;
      past(age: number): boolean;
    };
    const { accountId, uid: sessionUid } = session;
    // Nobody is signed in, or has just signed in.
    if (accountId === undefined || ctx.oidc.result?.login !== undefined) return false;
    const times = await timesHeld(ctx, apis);
    if (!hasTimes(times)) return false;
    // Of a sign-in later than now nobody knows the age.
    if (times.absoluteSeconds !== undefined && session.past(times.absoluteSeconds)) return true;
    const grantId = await grants.idFor(sessionUid, ctx.oidc.client!.clientId);
    const asked = grantId === undefined ? { sessionUid } : { grantId };
    const held = await grants.heldBy({ ...asked, times, now: wholeSeconds(clock) });
    // Gone meanwhile: the token endpoint would refuse the code.
    return held === undefined || held.outlived !== undefined;
  };
