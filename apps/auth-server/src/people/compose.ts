import type { Configuration } from "../config/load.ts";
import type { Storage } from "../storage/storage.ts";
import { createGuessLimit, type GuessLimit } from "./guess-limit.ts";
import { createSignIn, type SignIn } from "./sign-in.ts";
import { Users } from "./users.ts";

export interface People {
  readonly users: Users;
  readonly signIn: SignIn;
  readonly guesses: GuessLimit;
}

export async function composePeople(options: {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly nowMs: () => number;
  readonly nowSeconds: () => number;
  readonly randomBytes: (size: number) => Uint8Array;
}): Promise<People> {
  const users = new Users(options);
  for (const user of options.configuration.users) await users.ensure(user);
  const guesses = createGuessLimit(options.storage, options.nowMs);
  const signIn = await createSignIn({ users, guesses, randomBytes: options.randomBytes });
  return { users, signIn, guesses };
}
