import { addressGroup } from "@portcullis/service";
import type { KnownPlaces, Owner } from "../people/known-places.ts";
import { isTooLong } from "../people/password-rule.ts";
import { usernameKey } from "../people/username.ts";
import { namesOf, type User, type Users } from "../people/users.ts";
import type { Attempt, GivenField, SignInAnswer, Step } from "./attempt.ts";
import type { Tickets } from "./tickets.ts";

const FIELDS: readonly GivenField[] = ["username", "password"];

/** An empty field is none: it is asked for, and no guess. */
export const askForMissing: Step = ({ given }) => {
  if (given.ticket !== undefined) return undefined;
  const fields = FIELDS.filter((field) => (given[field] ?? "") === "");
  return fields.length === 0 ? undefined : { outcome: "ask", fields };
};

export interface IdentifyOptions {
  readonly users: Users;
  readonly knownPlaces: KnownPlaces;
  readonly tickets: Pick<Tickets, "read">;
  readonly nobody: Owner;
}

/** A name that cannot be anybody's, and a password that cannot be one, are refused like wrong ones. */
export const identify =
  ({ users, knownPlaces, tickets, nobody }: IdentifyOptions): Step =>
  async (attempt) => {
    if (attempt.given.ticket !== undefined)
      return identifyByTicket(attempt, attempt.given.ticket, { knownPlaces, tickets });
    const { username = "", password = "", deviceTokens = [], ...from } = attempt.given;
    const key = usernameKey(username);
    if (key === undefined || isTooLong(password)) return { outcome: "refused" };
    const user = await users.findByName(username);
    const owner = ownerOf(user, nobody);
    const address = addressGroup(from.address);
    const standing = await knownPlaces.standingOf(owner, { deviceTokens, address });
    attempt.identity = { usernameKey: key, alsoNamed: alsoNamed(user), address, standing, user, owner };
    return undefined;
  };

const alsoNamed = (user: User | undefined): string | undefined =>
  user !== undefined && namesOf(user).length > 1 ? user.id : undefined;

/** Whoever has no password is compared as nobody is: no text fits, and it takes as long. */
function ownerOf(user: User | undefined, nobody: Owner): Owner {
  if (user === undefined) return nobody;
  return { id: user.id, password_hash: user.password_hash ?? nobody.password_hash };
}

/** Whoever was identified in the form before, and passed the factor there. */
async function identifyByTicket(
  attempt: Attempt,
  ticket: string,
  { knownPlaces, tickets }: Pick<IdentifyOptions, "knownPlaces" | "tickets">,
): Promise<SignInAnswer | undefined> {
  const found = await tickets.read(ticket, attempt.given.place);
  if (found?.user.password_hash == null) return { outcome: "too_late" };
  const { user, passed, passedAt, action, about } = found;
  const owner = { id: user.id, password_hash: found.user.password_hash };
  const address = addressGroup(attempt.given.address);
  const standing = await knownPlaces.standingOf(owner, {
    deviceTokens: attempt.given.deviceTokens ?? [],
    address,
  });
  const key = user.username_key ?? user.email_key ?? "";
  attempt.identity = { usernameKey: key, alsoNamed: alsoNamed(user), address, standing, user, owner };
  attempt.resumed = { action, about };
  attempt.passed.push(...passed);
  attempt.passedAt = passedAt;
  return undefined;
}
