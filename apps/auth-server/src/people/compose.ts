import type { Configuration } from "../config/load.ts";
import type { Report } from "../logging/report.ts";
import type { Storage } from "../storage/storage.ts";
import { boundedAttempts } from "./bounded-attempts.ts";
import { compareWithFile } from "./compare-with-file.ts";
import { createGuessLimit, type GuessLimit } from "./guess-limit.ts";
import { createSignIn, type SignIn } from "./sign-in.ts";
import { Users } from "./users.ts";

export interface People {
  readonly users: Users;
  readonly signIn: SignIn;
  readonly guesses: GuessLimit;
  /** Resolves once all that the file says of users was compared with what is stored. */
  readonly compared: Promise<void>;
  close(): Promise<void>;
}

export async function composePeople(options: {
  readonly configuration: Configuration;
  readonly storage: Storage;
  readonly report: Report;
  readonly nowMs: () => number;
  readonly nowSeconds: () => number;
  readonly randomBytes: (size: number) => Uint8Array;
}): Promise<People> {
  const users = new Users(options);
  const file = options.configuration.users;
  for (const user of file) await users.ensure(user);
  const { compared, close } = compareWithFile({ users, file, report: options.report });
  const attempts = boundedAttempts({ storage: options.storage, report: options.report });
  const guesses = createGuessLimit(attempts, options.nowMs);
  const signIn = await createSignIn({ users, guesses, randomBytes: options.randomBytes });
  return { users, signIn, guesses, compared, close };
}
