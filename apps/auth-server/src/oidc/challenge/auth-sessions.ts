/**
 * What is kept between two steps of a sign-in by JSON. The app holds a random value, `auth_session`, and nothing that it could read.
 *
 * Each is good for one step: the answer to the step brings the next. Of any number of requests with one value at once, one takes the
 * step. It lives for ten minutes, is good for its app alone, and leads to a code that only the holder of the PKCE verifier redeems.
 * What was passed is in the sign-in's own ticket, which ends ten minutes after the factor, and with the password.
 */
import { hasCode } from "@portcullis/protocol";
import type { RandomBytes } from "../../secrets/identifiers.ts";
import type { ArtefactStore } from "../state/artefact-store.ts";
import { LostRace } from "../state/lost-race.ts";

export const AUTH_SESSION_LIFE_SECONDS = 10 * 60;
const MODEL = "AuthSession";
const BYTES = 32;

export interface AuthSession {
  readonly clientId: string;
  /** The authorization request of the first step, without what proves who the app is: names and values. */
  readonly asked: readonly (readonly [string, string])[];
  /** Of the tickets of this sign-in (`Given.place`). */
  readonly place: string;
  /** What was given so far, and is not checked. */
  readonly username?: string | undefined;
  /** Of the required action that is asked for. */
  readonly ticket?: string | undefined;
}

export interface AuthSessions {
  /** Gives the value that the app sends with the next step. */
  open(session: AuthSession): Promise<string>;
  /** Undefined for what is none, or none any more. */
  find(value: string): Promise<AuthSession | undefined>;
  /** False when another request has taken the step. */
  take(value: string): Promise<boolean>;
}

export function createAuthSessions({
  artefacts,
  randomBytes,
}: {
  readonly artefacts: Pick<ArtefactStore, "save" | "find" | "consume">;
  readonly randomBytes: RandomBytes;
}): AuthSessions {
  return {
    async open({ clientId, asked, place, username, ticket }) {
      const id = Buffer.from(randomBytes(BYTES)).toString("base64url");
      const payload = { clientId, asked, place, username, ticket };
      await artefacts.save({ model: MODEL, id, payload, ttlSeconds: AUTH_SESSION_LIFE_SECONDS });
      return id;
    },
    async find(value) {
      const found = await artefacts.find(MODEL, value);
      return found === undefined || found.consumed !== undefined
        ? undefined
        : (found as unknown as AuthSession);
    },
    async take(value) {
      try {
        await artefacts.consume(MODEL, value);
        return true;
      } catch (error) {
        if (error instanceof LostRace || hasCode(error, "already_spent")) return false;
        throw error;
      }
    },
  };
}
