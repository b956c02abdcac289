/**
 * Signs in with a form of the app's own (draft-ietf-oauth-first-party-apps): what the user has typed goes to the issuer's authorization
 * challenge endpoint, which gives a code, or says what to ask for next. For apps of the operator's own alone.
 */
import { REASONS, type Reason } from "@portcullis/protocol";
import * as oauth from "oauth4webapi";
import type { AuthorizationServer } from "./authorization-server.ts";
import { redeemCode } from "./callback.ts";
import { clientError } from "./errors.ts";
import type { Settings } from "./options.ts";
import type { Session, User } from "./session.ts";
import { authorizationParameters, newAttempt, type SignInAttempt } from "./sign-in.ts";

export interface PasswordSignIn {
  readonly username: string;
  readonly password: string;
  /** RFC 9470: how old the sign-in may be that a service asks for, in seconds. Each call is a fresh sign-in. */
  readonly maxAge?: number;
}

/** Why the user is asked again. Texts of the form are the app's. */
export type SignInProblem =
  | "wrong_credentials"
  | "sessions_changed"
  | "other_user"
  | "too_short"
  | "too_long"
  | "control_character"
  | "blank"
  | "not_new"
  | "none"
  | "too_few"
  | (string & {});

export interface EndableSession {
  readonly sid: string;
  /** As its owner calls it, or what it is. */
  readonly device: string;
  readonly address?: string;
  /** Seconds. */
  readonly last_seen_at: number;
}

export type SignInStep =
  | { readonly status: "signed-in"; readonly user: User }
  /** Ask for name and password again, and call `signInWithPassword` with them. */
  | { readonly status: "password"; readonly problem: SignInProblem }
  /** The same, and not before this many seconds: trying sooner does not help. */
  | { readonly status: "wait"; readonly retryAfterSeconds: number }
  | {
      readonly status: "new-password";
      readonly problem?: SignInProblem;
      readonly change: (newPassword: string) => Promise<SignInStep>;
    }
  /** The user is signed in on as many devices as there may be, and chooses `atLeast` that end. */
  | {
      readonly status: "choose-sessions";
      readonly sessions: readonly EndableSession[];
      readonly atLeast: number;
      readonly problem?: SignInProblem;
      readonly end: (sids: readonly string[]) => Promise<SignInStep>;
    }
  /** The issuer has to ask on a page: call `signIn`. */
  | { readonly status: "redirect" }
  /** The user may not come in. */
  | {
      readonly status: "refused";
      readonly reason?: Reason | "session_limit_reached";
      /** What the operator tells a user who is banned, and until when (ISO 8601). */
      readonly message?: string;
      readonly until?: string;
    };

/** What comes of it: a session, or what the app does next. */
type Reached = { readonly session: Session } | Exclude<SignInStep, { readonly status: "signed-in" }>;

interface Asked {
  readonly settings: Settings;
  readonly server: AuthorizationServer;
  readonly attempt: SignInAttempt;
  /** Called with the session that a step has led to. */
  readonly begin: (session: Session) => User;
}

export async function signInWithPassword(
  parts: Omit<Asked, "attempt">,
  { username, password, maxAge }: PasswordSignIn,
  signedIn: Session | undefined,
): Promise<SignInStep> {
  const { settings } = parts;
  const attempt = newAttempt(undefined, false);
  const asked = { ...parts, attempt };
  const parameters = await authorizationParameters(settings, attempt, {});
  return take(asked, {
    ...parameters,
    username,
    password,
    device: settings.environment.sharedStorage.getItem(deviceKey(settings)) ?? undefined,
    max_age: maxAge?.toString(),
    // Nobody else takes the place of who is signed in by a step-up.
    id_token_hint: maxAge === undefined ? undefined : signedIn?.idToken,
  });
}

type Fields = Readonly<Record<string, string | undefined>>;

async function take(asked: Asked, fields: Fields): Promise<SignInStep> {
  const reached = await reach(asked, fields);
  return "session" in reached ? { status: "signed-in", user: asked.begin(reached.session) } : reached;
}

async function reach(asked: Asked, fields: Fields): Promise<Reached> {
  const { settings, server, attempt } = asked;
  const answer = await server.challenge({ client_id: settings.clientId, ...fields });
  const { authorization_code: code, device } = answer;
  if (typeof code !== "string") return stepOf(asked, answer);
  if (typeof device === "string") rememberDevice(settings, device);
  const metadata = await server.metadata();
  // Out of the issuer's own answer, over its own connection: no mix-up is possible here.
  const parameters = oauth.validateAuthResponse(
    { ...metadata, authorization_response_iss_parameter_supported: false },
    server.client,
    new URLSearchParams({ code }),
    oauth.expectNoState,
  );
  return { session: await redeemCode(settings, server, { parameters, attempt }) };
}

export type ChallengeAnswer = Readonly<Record<string, unknown>>;

/** Throws `sign_in_refused` for what no user can do anything about. */
function stepOf(asked: Asked, answer: ChallengeAnswer): Reached {
  switch (answer.error) {
    case "insufficient_authorization":
      return askedStep(asked, answer);
    case "invalid_session":
      return { status: "password", problem: "sessions_changed" };
    case "redirect_to_web":
      return { status: "redirect" };
    case "access_denied":
      return { status: "refused", ...told(answer) };
    default:
      throw clientError("sign_in_refused", { detail: String(answer.error) });
  }
}

function askedStep(asked: Asked, answer: ChallengeAnswer): Reached {
  const { auth_session, step, retry_after: retryAfterSeconds } = answer;
  const problem = typeof answer.problem === "string" ? { problem: answer.problem } : {};
  const goOn = (fields: Fields) => take(asked, { auth_session: String(auth_session), ...fields });
  switch (step) {
    case "password":
      if (typeof retryAfterSeconds === "number") return { status: "wait", retryAfterSeconds };
      return { status: "password", problem: problem.problem ?? "wrong_credentials" };
    case "change_password":
      return { status: "new-password", ...problem, change: (new_password) => goOn({ new_password }) };
    case "choose_session":
      return {
        status: "choose-sessions",
        ...problem,
        sessions: (answer.sessions ?? []) as readonly EndableSession[],
        atLeast: Number(answer.at_least),
        end: (sids) => goOn({ end_sessions: sids.join(" ") }),
      };
    default:
      // A step that is newer than this client: a page knows it.
      return { status: "redirect" };
  }
}

function told({ reason, message, until }: ChallengeAnswer) {
  const known = [...REASONS, "session_limit_reached" as const].find((one) => one === reason);
  return {
    ...(known === undefined ? {} : { reason: known }),
    ...(typeof message === "string" ? { message } : {}),
    ...(typeof until === "string" ? { until } : {}),
  };
}

const deviceKey = ({ prefix }: Settings): string => `${prefix}:device`;

/** Storage may be full: then the device is a new one next time, too. */
function rememberDevice(settings: Settings, device: string): void {
  try {
    settings.environment.sharedStorage.setItem(deviceKey(settings), device);
  } catch {}
}
