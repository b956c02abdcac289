/** What a request at the authorization challenge endpoint says: what is for the library, who the app is, and what was typed in. */
import type { FastifyRequest } from "fastify";

/** What the app has from its user, and of the steps before. */
export interface GivenByApp {
  readonly authSession: string | undefined;
  readonly username: string | undefined;
  readonly password: string | undefined;
  readonly newPassword: string | undefined;
  /** `sid`s of the sessions that were chosen to end. */
  readonly endSessions: readonly string[];
  /** By which the app's device is known (docs/decisions/0026-guessing.md). */
  readonly device: string | undefined;
}

type Pairs = readonly (readonly [string, string])[];

export interface ChallengeRequest {
  /** As the app says. What proves it is among `credentials`, or in the header. */
  readonly clientId: string | undefined;
  readonly credentials: Pairs;
  /** The authorization request. */
  readonly asked: Pairs;
  readonly given: GivenByApp;
  /** A name of `given` that came more than once. The library looks at all others. */
  readonly repeated: string | undefined;
}

const OURS = ["auth_session", "username", "password", "new_password", "end_sessions", "device"];
const CREDENTIALS = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
/** They say how a browser is led back to the app. */
const WITHOUT_MEANING = ["response_mode", "state"];

export function readChallengeRequest({ body, headers }: FastifyRequest): ChallengeRequest {
  const pairs = pairsOf(body);
  const text = (name: string) => pairs.find(([known]) => known === name)?.[1];
  const notAsked = [...OURS, ...CREDENTIALS, ...WITHOUT_MEANING];
  return {
    clientId: text("client_id") ?? clientInHeader(headers.authorization),
    credentials: pairs.filter(([name]) => CREDENTIALS.includes(name)),
    asked: pairs.filter(([name]) => !notAsked.includes(name)),
    given: {
      authSession: text("auth_session"),
      username: text("username") ?? text("login_hint"),
      password: text("password"),
      newPassword: text("new_password"),
      endSessions: (text("end_sessions") ?? "").split(" ").filter((sid) => sid !== ""),
      device: text("device"),
    },
    repeated: OURS.find((name) => pairs.filter(([known]) => known === name).length > 1),
  };
}

/** A name that comes twice stays so: the library refuses it, or takes both (`resource`). */
const pairsOf = (body: unknown): Pairs =>
  Object.entries((body ?? {}) as Record<string, unknown>).flatMap(([name, value]) =>
    [value].flat().flatMap((one) => (typeof one === "string" ? [[name, one] as const] : [])),
  );

/** RFC 6749, section 2.3.1. Believed once the library has checked the secret beside it. */
function clientInHeader(authorization: string | undefined): string | undefined {
  const [, encoded] = /^basic ([\w+/=-]+)$/i.exec(authorization ?? "") ?? [];
  if (encoded === undefined) return undefined;
  const [name = ""] = Buffer.from(encoded, "base64").toString("utf8").split(":");
  try {
    return decodeURIComponent(name.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
