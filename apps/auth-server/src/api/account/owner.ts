/** Whose account it is: that of the person in whose name the app calls, and of nobody else. */
import type { Caller } from "@portcullis/http-api";

export interface Owner {
  readonly sub: string;
  /** Of the session that the token is of. */
  readonly sid: string;
}

/** Fails closed: only apps that act for a person get a token for this API (oidc/tokens/own-api-access.ts), and each such token has both. */
export function ownerOf({ subject, claims: { sid } }: Pick<Caller, "subject" | "claims">): Owner {
  if (subject === undefined || sid === undefined) throw new TypeError("a token of nobody's session");
  return { sub: subject, sid };
}

/** How long ago the person may have signed in, for what whoever found a device unlocked must not do. */
export const FRESH_SECONDS = 300;
