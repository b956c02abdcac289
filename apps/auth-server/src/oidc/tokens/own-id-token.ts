/**
 * ID tokens of our own, as the proof of an app that it is in a session: their audience is the app, so that no API gets to see one.
 * For what only listens: nothing is given out, changed or ended for an ID token.
 */
import { type Clock, decodeIdentifier, type RevocableClaims, SIGNING_ALGORITHMS } from "@portcullis/protocol";
import { type JWK, errors as joseErrors, jwtVerify } from "jose";
import { wholeSeconds } from "../../storage/stored-time.ts";
import { localKeySet } from "./own-token.ts";

/** All that this server signs besides says in `typ` what it is (RFC 8725, section 3.11): a logout token has the same claims. */
export const isIdTokenHeader = ({ typ }: { readonly typ?: unknown }): boolean => typ === undefined;

/** The app's part of the session that an ID token names. */
export interface AppInSession {
  readonly clientId: string;
  readonly accountId: string;
  readonly sid: string;
  readonly gid: string;
  /** What a verdict is asked for: all that ends the session, the grant, the user or the app, and no API. */
  readonly claims: RevocableClaims;
  readonly kid: string;
}

/** Gives undefined for whatever is not a valid ID token of ours. Whether it is dead is another question. */
export type VerifyIdToken = (token: string) => Promise<AppInSession | undefined>;

export function verifyOwnIdTokens(options: {
  readonly issuer: string;
  /** As of `verifyOwnTokens`. */
  readonly keys: () => { keys: JWK[] };
  readonly clock: Clock;
}): VerifyIdToken {
  const { issuer, clock } = options;
  const current = localKeySet(options.keys);
  return async (token) => {
    try {
      const { payload, protectedHeader } = await jwtVerify(token, current(), {
        issuer,
        algorithms: [...SIGNING_ALGORITHMS],
        requiredClaims: ["sub", "aud", "sid", "gid", "rv", "exp", "iat"],
        currentDate: new Date(wholeSeconds(clock) * 1000),
      });
      return isIdTokenHeader(protectedHeader) ? appIn(payload, protectedHeader.kid!) : undefined;
    } catch (error) {
      if (error instanceof joseErrors.JOSEError) return undefined;
      throw error;
    }
  };
}

/** Undefined when a claim is not what we put there. */
function appIn(payload: object, kid: string): AppInSession | undefined {
  const { iss, iat, exp, sub, aud, sid, gid, rv } = payload as Record<string, unknown>;
  const isWhole = typeof sub === "string" && typeof aud === "string" && Number.isSafeInteger(rv);
  if (!isWhole || !isIdentifier(sid) || !isIdentifier(gid)) return undefined;
  const times = { iss: iss as string, iat: iat as number, exp: exp as number };
  return {
    clientId: aud,
    accountId: sub,
    sid,
    gid,
    kid,
    claims: { ...times, sub, client_id: aud, sid, gid, rv: rv as number },
  };
}

const isIdentifier = (value: unknown): value is string =>
  typeof value === "string" && decodeIdentifier(value) !== undefined;
