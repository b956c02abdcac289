import type { Clock } from "@portcullis/protocol";
import type { Configuration } from "../config/load.ts";
import type { Report } from "../logging/report.ts";
import type { Storage } from "../storage/storage.ts";
import { boundedAttempts } from "./bounded-attempts.ts";
import { compareWithFile } from "./compare-with-file.ts";
import { createGuessLimit, type GuessLimit } from "./guess-limit.ts";
import { KnownPlaces } from "./known-places.ts";
import { createSignIn, type SignIn } from "./sign-in.ts";
import type { Users } from "./users.ts";

export interface People {
  readonly users: Users;
  readonly signIn: SignIn;
  readonly guesses: GuessLimit;
  readonly knownPlaces: KnownPlaces;
  /** Resolves once all that the file says of users was compared with what is stored. */
  readonly compared: Promise<void>;
  close(): Promise<void>;
}

export async function composePeople(options: {
  readonly configuration: Pick<Configuration, "users" | "clockSkewSeconds">;
  readonly users: Users;
  readonly storage: Storage;
  readonly report: Report;
  readonly clock: Clock;
  readonly randomBytes: (size: number) => Uint8Array;
}): Promise<People> {
  const { configuration, users, storage, report, clock, randomBytes } = options;
  const knownPlaces = new KnownPlaces({ storage, clock });
  for (const user of configuration.users) await users.ensure(user);
  const { compared, close } = compareWithFile({ users, file: configuration.users, report });
  const guesses = createGuessLimit({
    storage: boundedAttempts({ storage, report }),
    clock,
    clockSkewMs: configuration.clockSkewSeconds * 1000,
  });
  const signIn = await createSignIn({ storage, users, guesses, knownPlaces, randomBytes });
  return { users, signIn, guesses, knownPlaces, compared, close };
}
