import { MODES, type Mode, REASONS, type Reason } from "@portcullis/protocol";
import { type Challenge, parseChallenges } from "./challenge.ts";

/** What a 401 says about the token that was sent. */
export interface Denial {
  /** RFC 6750, section 3.1. */
  readonly error?: string;
  /** `kill`: the session is over. `stale`: refresh and go on. Absent: an ordinary 401. */
  readonly mode?: Mode;
  readonly reason?: Reason;
}

/**
 * The challenge says it; a cross-origin page sees the header only if the server exposes it
 * (`Access-Control-Expose-Headers`), so the same members of a JSON body are the second place.
 */
export async function readDenial(response: Response): Promise<Denial> {
  const field = response.headers.get("www-authenticate");
  return field === null ? fromBody(response) : fromField(field);
}

function fromField(field: string): Denial {
  const bearer = parseChallenges(field)?.find(isTokenChallenge);
  return bearer === undefined ? {} : denialOf((name) => bearer.parameters.get(name));
}

const isTokenChallenge = (challenge: Challenge): boolean =>
  challenge.scheme === "bearer" || challenge.scheme === "dpop";

async function fromBody(response: Response): Promise<Denial> {
  if (!/^application\/(?:[\w.+-]+\+)?json\b/i.test(response.headers.get("content-type") ?? "")) return {};
  try {
    const body = (await response.clone().json()) as Record<string, unknown> | null;
    return denialOf((name) => {
      const value = body?.[name];
      return typeof value === "string" ? value : undefined;
    });
  } catch {
    return {};
  }
}

function denialOf(memberOf: (name: string) => string | undefined): Denial {
  const error = memberOf("error");
  const mode = MODES.find((known) => known === memberOf("mode"));
  return {
    ...(error === undefined ? {} : { error }),
    ...(mode === undefined ? {} : { mode, reason: reasonOf(memberOf("reason")) }),
  };
}

/** A reason that a newer server knows and we do not is still a denial: it reads as `revoked`. */
export const reasonOf = (text: unknown): Reason => REASONS.find((known) => known === text) ?? "revoked";
