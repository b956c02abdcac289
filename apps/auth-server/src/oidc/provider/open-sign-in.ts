/**
 * Opens the session of a sign-in while the request can still ask for another. The library opens it at the end, and does so once more
 * then, since the cookie comes with that.
 */
import type { KoaContextWithOIDC } from "oidc-provider";
import { requestState } from "../request-state.ts";

export interface OpenSignInOptions {
  /** Whether there is a limit that may refuse it: else it need not be stored twice. */
  readonly isLimited: () => boolean;
  /** What is left of a session's life: seconds. */
  readonly lifeOf: (session: { readonly loginTs?: number | undefined }) => number;
}

/** Gives whether there is room. If not, nobody is signed in by the request. */
export type OpenSignIn = (ctx: KoaContextWithOIDC) => Promise<boolean>;

/** What the library's declarations leave out. */
interface SignedIn {
  touched?: boolean;
  accountId?: string;
  loginTs?: number;
  save(ttlSeconds: number): Promise<unknown>;
  [member: string]: unknown;
}

export const openSignInBy =
  ({ isLimited, lifeOf }: OpenSignInOptions): OpenSignIn =>
  async (ctx) => {
    if (!isLimited()) return true;
    try {
      await storeSignIn(ctx, lifeOf);
      return true;
    } catch (error) {
      if (requestState(ctx).isBeyondSessionLimit !== true) throw error;
      forgetSignIn(ctx.oidc.session as unknown as SignedIn);
      return false;
    }
  };

/** Stores the session of the request, if the request has changed it. */
export async function storeSignIn(
  { oidc }: KoaContextWithOIDC,
  lifeOf: OpenSignInOptions["lifeOf"],
): Promise<void> {
  const session = oidc.session as unknown as SignedIn;
  if (session.touched !== true) return;
  await session.save(lifeOf(session));
  session.touched = true;
}

/** It is a session of nobody again, as it was before the request. */
function forgetSignIn(session: SignedIn): void {
  for (const member of ["accountId", "loginTs", "amr", "acr", "signInId", "signedInAfter"])
    delete session[member];
  session.touched = false;
}
