/**
 * The one way in. A face (a page's form; JSON, when it comes) hands over what it was given, and shows what the answer says:
 * the next thing to ask for, a time to wait, or who is signed in. The steps are a table, and the order is the security argument.
 */
import { type Clock, encodeIdentifier, IDENTIFIER_BYTES } from "@portcullis/protocol";
import type { Bans } from "../bans/bans.ts";
import { isWhole } from "../bans/standing-bans.ts";
import type { KnownPlaces, Owner } from "../people/known-places.ts";
import { hashPassword } from "../people/password-hash.ts";
import { hasPassword, lockActive, passwordMarkOf, type Users } from "../people/users.ts";
import type { Storage } from "../storage/storage.ts";
import { wholeSeconds } from "../storage/stored-time.ts";
import type { WriteTransaction } from "../storage/write-transaction.ts";
import type { Attempt, Given, SignedIn, SignInAnswer, Step } from "./attempt.ts";
import { changePassword } from "./change-password.ts";
import { chooseSession, type RoomFor } from "./choose-session.ts";
import type { GuessLimit } from "./guess-limit.ts";
import { askForMissing, identify } from "./identify.ts";
import { passwordFactor } from "./password-factor.ts";
import { type PasswordTurns, type PasswordTurnsOptions, passwordTurns } from "./password-turns.ts";
import { createTickets, type Tickets } from "./tickets.ts";

/** Throws `sign_in_busy`, and then nothing was counted: not against the user, and not against the address. */
export type SignIn = (given: Given) => Promise<SignInAnswer>;

export interface SignInOptions extends PasswordTurnsOptions {
  readonly storage: Storage;
  readonly users: Users;
  readonly bans: Pick<Bans, "standing">;
  readonly guesses: GuessLimit;
  /** Default: a queue of its own. */
  readonly inTurn?: PasswordTurns;
  readonly knownPlaces: KnownPlaces;
  readonly clock: Clock;
  /** Default: tickets that no other server takes. */
  readonly tickets?: Tickets;
  /** Ends what the user has, in the transaction of a changed password. Default: nothing. */
  readonly endAll?: (transaction: WriteTransaction, userId: string) => Promise<void>;
  readonly roomFor: RoomFor;
  readonly randomBytes: (size: number) => Uint8Array;
}

type SignInSteps = readonly (readonly [what: string, step: Step])[];

export async function createSignIn(options: SignInOptions): Promise<SignIn> {
  const steps = signInSteps(options, await ownerForNobody(options));
  return (given) => runSignIn(steps, given);
}

/** Runs the steps in turn, up to the first that answers. */
export async function runSignIn(steps: SignInSteps, given: Given): Promise<SignInAnswer> {
  const attempt: Attempt = {
    given,
    identity: undefined,
    resumed: undefined,
    passed: [],
    passedAt: undefined,
    renewedHash: undefined,
    newPassword: undefined,
    ends: [],
    deviceToken: undefined,
    passwordMark: undefined,
  };
  for (const [, step] of steps) {
    const answer = await step(attempt);
    if (answer !== undefined) return answer;
  }
  return { outcome: "signed_in", signedIn: signedInBy(attempt) };
}

export function signInSteps(options: SignInOptions, nobody: Owner): SignInSteps {
  const {
    users,
    knownPlaces,
    guesses,
    clock,
    inTurn = passwordTurns(options),
    tickets = ownTickets(options),
    roomFor,
  } = options;
  return [
    ["ask for what is missing", askForMissing],
    ["identify: which account, and from where", identify({ users, knownPlaces, tickets, nobody })],
    ["wait where somebody guesses", waitForGuesses(guesses)],
    ["first factor: the password", passwordFactor({ guesses, inTurn, users, clock })],
    ["refuse whoever may not sign in", refuseInactive(options)],
    // A second factor goes here. Then what the user must do first: before anything is remembered or opened.
    ["required action: change the password", changePassword({ tickets, inTurn, users })],
    ["required action: choose sessions to end, or be refused one more", chooseSession({ tickets, roomFor })],
    ["remember this device and address", remember(options)],
  ];
}

/** What a password for nobody is compared with: an unknown name must take as long as a known one. */
async function ownerForNobody({ randomBytes }: SignInOptions): Promise<Owner> {
  const password = Buffer.from(randomBytes(32)).toString("hex");
  return { id: "", password_hash: await hashPassword(password, randomBytes) };
}

const waitForGuesses =
  (guesses: GuessLimit): Step =>
  async ({ identity, passed }) => {
    if (passed.length > 0) return undefined;
    const waitMs = await guesses.look(identity!);
    return waitMs > 0 ? { outcome: "wait", waitMs } : undefined;
  };

/** After the factor: before it, the time to the answer would tell who is disabled, and the answer who is banned. */
const refuseInactive =
  ({ users, bans }: SignInOptions): Step =>
  async ({ identity }) => {
    const { id, disabled_at: disabledAt } = identity!.user ?? {};
    if (id === undefined) return { outcome: "refused" };
    if ((await users.findActive(id)) !== undefined) return undefined;
    const ban = disabledAt === null ? (await bans.standing(id)).find(isWhole) : undefined;
    return ban === undefined ? { outcome: "refused" } : { outcome: "banned", ban };
  };

const ownTickets = ({ users, clock, randomBytes }: SignInOptions): Tickets =>
  createTickets({ key: Buffer.from(randomBytes(32)).toString("hex"), users, clock });

const remember = (options: SignInOptions): Step => {
  const { storage, randomBytes } = options;
  const refuse = refuseInactive(options);
  return async (attempt) => {
    const { standing } = attempt.identity!;
    const deviceToken =
      standing.kind === "device" ? standing.token : encodeIdentifier(randomBytes(IDENTIFIER_BYTES));
    const passwordMark = await storage.write((transaction) =>
      rememberIn(transaction, attempt, { ...options, deviceToken }),
    );
    if (passwordMark === undefined) return (await refuse(attempt)) ?? { outcome: "refused" };
    Object.assign(attempt, { deviceToken, passwordMark });
    return undefined;
  };
};

/** Gives the mark of the password; undefined if the user may not sign in any more, or not with the one that was checked. */
async function rememberIn(
  transaction: WriteTransaction,
  attempt: Attempt,
  {
    users,
    guesses,
    knownPlaces,
    endAll,
    clock,
    deviceToken,
  }: SignInOptions & { readonly deviceToken: string },
): Promise<string | undefined> {
  const identity = attempt.identity!;
  const { id, password_hash } = identity.owner;
  // Once more: a disabling forgets all places, and a sign-in that it overtook must not bring one back; nor may a password that is not it any more.
  if (!(await lockActive(transaction, id, wholeSeconds(clock)))) return undefined;
  if (!(await hasPassword(transaction, id, passwordMarkOf({ id, password_hash })))) return undefined;
  await guesses.succeeded(transaction, identity);
  const changed = attempt.newPassword;
  if (changed !== undefined) {
    await users.setPassword(transaction, id, { hash: changed.hash, mustChange: false });
    await endAll?.(transaction, id);
  } else if (attempt.renewedHash !== undefined) {
    await users.renewHash(transaction, id, attempt.renewedHash);
  }
  const owner = { id, password_hash: changed?.hash ?? attempt.renewedHash ?? password_hash };
  await knownPlaces.remember(transaction, owner, { deviceToken, address: identity.address });
  return passwordMarkOf(owner);
}

/** Fails closed: an attempt that passed no factor, or is nobody's, is a mistake in the table and signs nobody in. */
function signedInBy({ identity, passed, passedAt, ends, deviceToken, passwordMark }: Attempt): SignedIn {
  const user = identity?.user;
  const isWhole = deviceToken !== undefined && passwordMark !== undefined && passed.length > 0;
  if (user === undefined || passedAt === undefined || !isWhole) {
    throw new Error("the steps of signing in ended without a factor that was passed");
  }
  return { user, deviceToken, passwordMark, amr: [...passed], passedAt, ends } as unknown as SignedIn;
}
