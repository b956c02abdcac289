import { availableParallelism } from "node:os";
import { encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import { addressGroup } from "@portcullis/service";
import type { Storage } from "../storage/storage.ts";
import { peopleError } from "./errors.ts";
import { fairQueue, type Place } from "./fair-queue.ts";
import type { Attempt, GuessLimit } from "./guess-limit.ts";
import type { KnownPlaces, Owner, Standing } from "./known-places.ts";
import { hashPassword, LONGEST_PASSWORD, verifyPassword } from "./password-hash.ts";
import { usernameKey } from "./username.ts";
import type { User, Users } from "./users.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** Network address that the attempt comes from. */
  readonly address: string;
  /** Of the browser's cookie. */
  readonly deviceTokens?: readonly string[];
  /** Aborted when nobody waits for the answer any more. */
  readonly signal?: AbortSignal;
}

export type SignInResult =
  /** With the token by which this device is known from now on. */
  | { readonly outcome: "signed_in"; readonly user: User; readonly deviceToken: string }
  /** Nothing more is said: not whether the user exists, nor whether the user is disabled. */
  | { readonly outcome: "refused" }
  | { readonly outcome: "wait"; readonly waitMs: number };

/** Throws `sign_in_busy`, and then nothing was counted: not against the user, and not against the address. */
export type SignIn = (credentials: Credentials) => Promise<SignInResult>;

export interface SignInOptions {
  readonly storage: Storage;
  readonly users: Users;
  readonly guesses: GuessLimit;
  readonly knownPlaces: KnownPlaces;
  readonly randomBytes: (size: number) => Uint8Array;
  /** Password checks at once, and those that may wait, in all and of one address. */
  readonly running?: number;
  readonly waiting?: number;
  readonly waitingPerGroup?: number;
}

/**
 * One core is left for everything else, and so are half of the four threads of Node's pool: tokens are signed there,
 * and would wait behind a flood of passwords.
 */
export const checksAtOnce = (cores: number): number => Math.max(1, Math.min(2, cores - 1));

export async function createSignIn(options: SignInOptions): Promise<SignIn> {
  const { storage, users, guesses, knownPlaces, randomBytes } = options;
  const inTurn = fairQueue({
    running: options.running ?? checksAtOnce(availableParallelism()),
    waiting: options.waiting ?? 64,
    waitingPerGroup: options.waitingPerGroup ?? 32,
    full: () => peopleError("sign_in_busy"),
  });
  // What a password for nobody is compared with: an unknown name must take as long as a known one.
  const nobody: Owner = {
    id: "",
    password_hash: await hashPassword(Buffer.from(randomBytes(32)).toString("hex"), randomBytes),
  };

  async function attemptOf(credentials: Credentials, key: string, owner: Owner): Promise<Attempt> {
    const address = addressGroup(credentials.address);
    const deviceTokens = credentials.deviceTokens ?? [];
    const standing = await knownPlaces.standingOf(owner, { deviceTokens, address });
    return { usernameKey: key, address, standing };
  }

  /** Counted when its turn has come, so that whoever is sent away as busy, or leaves, has not guessed. */
  async function check(attempt: Attempt, password: string, owner: Owner): Promise<boolean | number> {
    return (await guesses.take(attempt)) ?? verifyPassword(password, owner.password_hash);
  }

  function welcome(user: User, attempt: Attempt): Promise<SignInResult> {
    const deviceToken =
      attempt.standing.kind === "device"
        ? attempt.standing.token
        : encodeIdentifier(randomBytes(IDENTIFIER_BYTES));
    return storage.write(async (transaction) => {
      await guesses.succeeded(transaction, attempt);
      await knownPlaces.remember(transaction, user, { deviceToken, address: attempt.address });
      return { outcome: "signed_in", user, deviceToken };
    });
  }

  return async function signIn(credentials) {
    const { username, password, signal } = credentials;
    const key = usernameKey(username);
    if (key === undefined || password === "" || password.length > LONGEST_PASSWORD)
      return { outcome: "refused" };
    const user = await users.findByUsername(username);
    const owner = user ?? nobody;
    const attempt = await attemptOf(credentials, key, owner);
    const waitMs = await guesses.look(attempt);
    if (waitMs > 0) return { outcome: "wait", waitMs };
    const place = { ...placeOf(attempt), signal };
    const result = await inTurn(place, () => check(attempt, password, owner));
    if (typeof result === "number") return { outcome: "wait", waitMs: result };
    if (!result || user === undefined || user.disabled_at !== null) return { outcome: "refused" };
    return welcome(user, attempt);
  };
}

/** A device that is known is a group of its own, and so is an address as far as it is known to the user who is named. */
const placeOf = ({ address, standing }: { address: string; standing: Standing }): Place =>
  standing.kind === "device"
    ? { group: standing.token, standing: standing.kind }
    : { group: address, standing: standing.kind };
