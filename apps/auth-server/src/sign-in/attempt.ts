import type { StandingBan } from "../bans/standing-bans.ts";
import type { Owner, Standing } from "../people/known-places.ts";
import type { UnfitPassword } from "../people/password-rule.ts";
import type { User } from "../people/users.ts";

/** What a face has got from whoever signs in. What it has not asked for yet is not there. */
export interface Given {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Of the form of a required action, in place of the two above; and what is typed in there. */
  readonly ticket?: string | undefined;
  readonly newPassword?: string | undefined;
  readonly repeatedPassword?: string | undefined;
  /** `uid`s of the sessions that were chosen to end. */
  readonly ends?: readonly string[] | undefined;
  /** Of `ShownIn`. */
  readonly place?: string | undefined;
  /** Network address that it comes from. */
  readonly address: string;
  /** Of the browser's cookie. */
  readonly deviceTokens?: readonly string[] | undefined;
  /** The session that it is to open; undefined when it opens none, and only proves who is there. */
  readonly opens?: OpenedBy | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

/** The page that shows the form. */
export interface ShownIn {
  /**
   * Names the browser and the page, by what no other browser can send: a ticket that was given there is good there alone, so that
   * nobody goes on with what another was given.
   */
  readonly place: string;
  readonly opens?: OpenedBy | undefined;
}

export interface OpenedBy {
  readonly userAgent: string | undefined;
  /** `uid` of the session that the browser has. */
  readonly instead: string | undefined;
}

export type GivenField = "username" | "password";

/** Whom it is about, and from where: of nobody's name as of anybody's. */
export interface Identity {
  /** The name in its one spelling. */
  readonly usernameKey: string;
  /** `sub` of the user, if another name leads to the same one: guesses by all of them count together. */
  readonly alsoNamed: string | undefined;
  /** Group of addresses. */
  readonly address: string;
  readonly standing: Standing;
  readonly user: User | undefined;
  /** The user, or what stands for nobody, so that both cost the same. */
  readonly owner: Owner;
}

/** Authentication methods (RFC 8176) that a factor proves. */
export type Method = "pwd";

/** The required action whose form was sent: what its ticket says. */
export interface Resumed {
  readonly action: "change_password" | "choose_session";
  /** What the form was about, where that can change. */
  readonly about?: string | undefined;
}

/** One sign-in on its way through the steps. Each field has one step that writes it. */
export interface Attempt {
  readonly given: Given;
  /** Written by `identify`. */
  identity: Identity | undefined;
  /** Written by `identify`, of whoever comes with a ticket. */
  resumed: Resumed | undefined;
  /** Each factor adds its own when it was passed, and nothing else does: `amr` is made of it. */
  readonly passed: Method[];
  /** Written with it: when the last factor was passed, in seconds. A required action takes its time, and is no factor. */
  passedAt: number | undefined;
  /** Written by the password factor: a hash of the password that takes the place of one of another kind. */
  renewedHash: string | undefined;
  /** Written by `changePassword`. */
  newPassword: { readonly hash: string } | undefined;
  /** Written by `chooseSession`: the sessions that end when this one is opened. */
  ends: readonly string[];
  /** Written by `remember`, both of them. */
  deviceToken: string | undefined;
  passwordMark: string | undefined;
}

declare const throughAllSteps: unique symbol;

/** Who has passed every step. Only the machine makes one, and nothing opens a session without one. */
export interface SignedIn {
  readonly [throughAllSteps]: true;
  readonly user: User;
  readonly amr: readonly Method[];
  /** When the last factor was passed, in seconds: `auth_time`, whatever pages come between this and the session. */
  readonly passedAt: number;
  /** The sessions that were chosen to end when this one is opened. */
  readonly ends: readonly string[];
  /** By which this device is known from now on. */
  readonly deviceToken: string;
  /** Of the password that the user had then (`passwordMarkOf`): no session is opened by it once there is another. */
  readonly passwordMark: string;
}

export type SignInAnswer =
  | { readonly outcome: "signed_in"; readonly signedIn: SignedIn }
  /** The face asks for these next. */
  | { readonly outcome: "ask"; readonly fields: readonly GivenField[] }
  /** Nothing more is said: not whether the user exists, nor whether the user is disabled. */
  | { readonly outcome: "refused" }
  /** Only to whoever has passed the factor: it tells that the user exists, and what the ban says. */
  | { readonly outcome: "banned"; readonly ban: StandingBan }
  /** The user has as many sessions as there may be. Said only to whoever has passed the factor. */
  | { readonly outcome: "full" }
  | { readonly outcome: "wait"; readonly waitMs: number }
  /** The face asks for a new password, and gives the ticket back with it. */
  | { readonly outcome: "change_password"; readonly ticket: string; readonly problem?: PasswordProblem }
  /** The face asks which sessions end, and gives the ticket back with them. */
  | { readonly outcome: "choose_session"; readonly ticket: string; readonly problem?: "none" | "too_few" }
  /** The ticket is of no use any more: the sign-in begins anew. */
  | { readonly outcome: "too_late" }
  /** Nor is one for sessions that are others by now. */
  | { readonly outcome: "sessions_changed" };

export type PasswordProblem = UnfitPassword | "not_repeated" | "not_new";

/** Gives an answer that ends the sign-in here, or nothing, and then the next step runs. */
export type Step = (attempt: Attempt) => Promise<SignInAnswer | undefined> | SignInAnswer | undefined;
