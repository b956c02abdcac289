import type { Clock, Log } from "@portcullis/protocol";
import type { Bans } from "../bans/bans.ts";
import type { KnownPlaces } from "../people/known-places.ts";
import type { Users } from "../people/users.ts";
import type { Storage } from "../storage/storage.ts";
import { boundedAttempts } from "./bounded-attempts.ts";
import { type ChoicesFor, choicesFor, type RoomFor } from "./choose-session.ts";
import { createGuessLimit, type GuessLimit } from "./guess-limit.ts";
import { createOwnPassword, type EndOthers, type OwnPassword } from "./own-password.ts";
import { passwordTurns } from "./password-turns.ts";
import { createSignIn, type SignIn, type SignInOptions } from "./sign-in-machine.ts";
import { createTickets } from "./tickets.ts";

export interface SigningIn {
  readonly signIn: SignIn;
  /** The sessions of which a page asks which end. */
  readonly choicesFor: ChoicesFor;
  readonly guesses: GuessLimit;
  /** Hashes a password that is set, in turn with those that are checked. Throws `sign_in_busy`. */
  readonly hashInTurn: (password: string) => Promise<string>;
  /** The password of whoever is signed in. */
  readonly ownPassword: OwnPassword;
}

/** Whoever sets passwords has proved who it is, and is one group. */
const OF_THE_API = { group: "passwords that are set", standing: "device" } as const;

export async function composeSignIn(options: {
  readonly storage: Storage;
  readonly users: Users;
  readonly bans: Pick<Bans, "standing">;
  readonly knownPlaces: KnownPlaces;
  readonly roomFor: RoomFor;
  readonly clock: Clock;
  readonly clockSkewSeconds: number;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly operatorLog: Log;
  /** Secret that all servers of the installation have. */
  readonly ticketKey: string;
  /** Ends what a user has, in the transaction of a changed password. */
  readonly endAll: NonNullable<SignInOptions["endAll"]>;
  /** The same, but for the session in which it was changed. */
  readonly endOthers: EndOthers;
}): Promise<SigningIn> {
  const { storage, users, bans, knownPlaces, clock, randomBytes, operatorLog, roomFor } = options;
  const guesses = createGuessLimit({
    storage: boundedAttempts({ storage, operatorLog }),
    clock,
    clockSkewMs: options.clockSkewSeconds * 1000,
  });
  const inTurn = passwordTurns();
  const tickets = createTickets({ key: options.ticketKey, users, clock });
  return {
    signIn: await createSignIn({
      storage,
      users,
      bans,
      guesses,
      inTurn,
      knownPlaces,
      tickets,
      endAll: options.endAll,
      clock,
      randomBytes,
      roomFor,
    }),
    choicesFor: choicesFor({ tickets, roomFor }),
    guesses,
    hashInTurn: (password) => inTurn(OF_THE_API, () => users.hashOf(password)),
    ownPassword: createOwnPassword({
      users,
      guesses,
      inTurn,
      knownPlaces,
      storage,
      clock,
      endOthers: options.endOthers,
    }),
  };
}
