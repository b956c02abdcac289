export { takeCallback } from "./callback.ts";
export { type Challenge, parseChallenges } from "./challenge.ts";
export {
  type Client,
  createClient,
  type SignOutResult,
  type StartOptions,
  type StartResult,
} from "./client.ts";
export { type Denial, readDenial } from "./denial.ts";
export type { EndedSession } from "./ended-session.ts";
export {
  type Channel,
  type Environment,
  type KeyValueStore,
  type LockOptions,
  type Locks,
  memoryStorage,
  type Page,
  processLocks,
  type Visibility,
} from "./environment.ts";
export { CLIENT_ERRORS, type ClientError, type ClientErrorCode, isClientError } from "./errors.ts";
export type { ClientEvent, ForcedLogout, Listener } from "./events.ts";
export type { ClientOptions } from "./options.ts";
export type { User } from "./session.ts";
export type { SignInOptions } from "./sign-in.ts";
export type { EndableSession, PasswordSignIn, SignInProblem, SignInStep } from "./sign-in-with-password.ts";
