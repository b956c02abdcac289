import { availableParallelism } from "node:os";
import { boundedConcurrency } from "./bounded-concurrency.ts";
import { peopleError } from "./errors.ts";
import type { GuessLimit } from "./guess-limit.ts";
import { hashPassword, LONGEST_PASSWORD, verifyPassword } from "./password-hash.ts";
import { usernameKey } from "./username.ts";
import type { User, Users } from "./users.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Network address that the attempt comes from. */
  readonly address: string;
}

export type SignInResult =
  | { readonly outcome: "signed_in"; readonly user: User }
  /** Nothing more is said: not whether the user exists, nor whether the user is disabled. */
  | { readonly outcome: "refused" }
  | { readonly outcome: "wait"; readonly waitMs: number };

/** Throws `sign_in_busy`. */
export type SignIn = (credentials: Credentials) => Promise<SignInResult>;

export interface SignInOptions {
  readonly users: Users;
  readonly guesses: GuessLimit;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Password checks at once, and those that may wait. */
  readonly running?: number;
  readonly waiting?: number;
}

/**
 * One core is left for everything else, and so are half of the four threads of Node's pool: tokens are signed there,
 * and would wait behind a flood of passwords.
 */
export const checksAtOnce = (cores: number): number => Math.max(1, Math.min(2, cores - 1));

export async function createSignIn(options: SignInOptions): Promise<SignIn> {
  const { users, guesses, randomBytes } = options;
  const inTurn = boundedConcurrency({
    running: options.running ?? checksAtOnce(availableParallelism()),
    waiting: options.waiting ?? 64,
    full: () => peopleError("sign_in_busy"),
  });
  // What a password for nobody is compared with: an unknown name must take as long as a known one.
  const nobody = await hashPassword(Buffer.from(randomBytes(32)).toString("hex"), randomBytes);

  return async function signIn({ username, password, address }) {
    const key = usernameKey(username);
    if (key === undefined || password === "" || password.length > LONGEST_PASSWORD)
      return { outcome: "refused" };
    const attempt = { usernameKey: key, address };
    const waitMs = await guesses.take(attempt);
    if (waitMs !== undefined) return { outcome: "wait", waitMs };
    const user = await users.findByUsername(username);
    const matches = await inTurn(() => verifyPassword(password, user?.password_hash ?? nobody));
    if (!matches || user === undefined || user.disabled_at !== null) return { outcome: "refused" };
    await guesses.succeeded(attempt);
    return { outcome: "signed_in", user };
  };
}
