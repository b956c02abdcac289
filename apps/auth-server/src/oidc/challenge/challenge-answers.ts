/** The JSON of each answer: what went wrong, and what the app asks its user for next. */
import type { StandingBan } from "../../bans/standing-bans.ts";
import type { SignInAnswer } from "../../sign-in/attempt.ts";
import type { Room } from "../../sign-in/choose-session.ts";
import { BannedError } from "../tokens/banned-error.ts";

export interface ChallengeAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What the app asks for: `parameters` are those of the next request. */
interface Asking {
  readonly step: "password" | "change_password" | "choose_session";
  readonly parameters: readonly string[];
  /** Why it is asked again. */
  readonly problem?: string | undefined;
  readonly [member: string]: unknown;
}

/** Before the `auth_session` of the next step is put in. */
export interface NextStep {
  readonly asking: Asking;
  readonly status?: number;
  readonly retryAfterSeconds?: number;
  /** What the next step goes on with. */
  readonly keeps: { readonly username?: string | undefined; readonly ticket?: string | undefined };
}

export const refusal = (error: string, description: string, status = 400): ChallengeAnswer => ({
  status,
  body: { error, error_description: description },
});

export const INVALID_SESSION = refusal(
  "invalid_session",
  "auth_session is unknown, used or too old: begin the sign-in anew",
);

export const NOT_STORED: ChallengeAnswer = {
  ...refusal("temporarily_unavailable", "this could not be stored; try again shortly", 503),
  headers: { "retry-after": "1" },
};

export const BUSY_RETRY_SECONDS = 5;

/** Nobody who is refused learns whether the user exists. */
const PASSWORD = { step: "password", parameters: ["username", "password"] } as const;

export const askAnew = (problem: string): NextStep => ({ asking: { ...PASSWORD, problem }, keeps: {} });

export const insufficient = (next: NextStep, authSession: string): ChallengeAnswer => {
  const { step, parameters, problem, ...more } = next.asking;
  const retry = next.retryAfterSeconds;
  return {
    status: next.status ?? 400,
    body: {
      error: "insufficient_authorization",
      error_description: `send ${parameters.join(" and ")} with the auth_session`,
      auth_session: authSession,
      step,
      parameters,
      ...(problem === undefined ? {} : { problem }),
      ...(retry === undefined ? {} : { retry_after: retry }),
      ...more,
    },
    ...(retry === undefined ? {} : { headers: { "retry-after": String(retry) } }),
  };
};

export const banned = (ban: StandingBan): ChallengeAnswer => {
  const { error_description, told } = new BannedError(ban);
  return { status: 403, body: { error: "access_denied", error_description, ...told } };
};

const FULL: ChallengeAnswer = {
  status: 403,
  body: {
    error: "access_denied",
    error_description: "the user has as many sessions as there may be; one of them must end first",
    reason: "session_limit_reached",
  },
};

type Unfinished = Exclude<SignInAnswer, { readonly outcome: "signed_in" }>;

/** What there is to choose from, of a ticket for that; undefined when it is others by now. */
export type ChoicesOf = (ticket: string) => Promise<Room | undefined>;

/** Gives the next step, or an answer that ends the sign-in. */
export async function nextOf(
  answer: Unfinished,
  username: string | undefined,
  choicesOf: ChoicesOf,
): Promise<NextStep | ChallengeAnswer> {
  switch (answer.outcome) {
    case "ask":
      return { asking: { step: "password", parameters: answer.fields }, keeps: { username } };
    case "refused":
      return askAnew("wrong_credentials");
    case "wait":
      return waiting(answer.waitMs);
    case "banned":
      return banned(answer.ban);
    case "full":
      return FULL;
    case "too_late":
      return INVALID_SESSION;
    case "sessions_changed":
      return askAnew("sessions_changed");
    case "change_password": {
      const { ticket, problem } = answer;
      const asking = { step: "change_password", parameters: ["new_password"], problem } as const;
      return { asking, keeps: { ticket } };
    }
    case "choose_session":
      return choosing(answer, await choicesOf(answer.ticket));
  }
}

function waiting(waitMs: number): NextStep {
  const retryAfterSeconds = Math.max(1, Math.ceil(waitMs / 1000));
  return { ...askAnew("too_many_attempts"), status: 429, retryAfterSeconds };
}

function choosing(
  { ticket, problem }: { readonly ticket: string; readonly problem?: string },
  room: Room | undefined,
): NextStep {
  if (room === undefined) return askAnew("sessions_changed");
  const sessions = room.sessions.map(({ uid, name, address, lastSeenAt }) => ({
    sid: uid,
    device: name,
    ...(address === null ? {} : { address }),
    last_seen_at: lastSeenAt,
  }));
  const parameters = ["end_sessions"];
  const asking = { step: "choose_session", parameters, problem, at_least: room.excess, sessions } as const;
  return { asking, keeps: { ticket } };
}
