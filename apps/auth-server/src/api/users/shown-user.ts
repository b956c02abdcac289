/** How users are named in paths and bodies, and what is shown of them. */
import type { UserAnswer, UserState, UserWithRights } from "@portcullis/protocol";
import { z } from "zod";
import type { StandingBan } from "../../bans/standing-bans.ts";
import { profileOf, type User } from "../../people/users.ts";
import { EXAMPLE_SID } from "../../revocations/index.ts";

export const USER_PATH = z.object({
  user: z.string().meta({
    description:
      "A `sub`, a username or a verified e-mail address. If it is the `sub` of one user and a name of another, the `sub` counts.",
    example: "alice",
  }),
});

export const EXAMPLE_USER = {
  sub: EXAMPLE_SID,
  username: "alice",
  email: "alice@example.com",
  emailVerified: true,
  name: "Alice Example",
  profile: { givenName: "Alice", phoneNumber: "+14255551212", phoneNumberVerified: true },
  attributes: { department: "sales" },
  status: "active",
  hasPassword: true,
  mustChangePassword: false,
  createdAt: "2026-03-01T12:00:00.000Z",
  changedAt: "2026-03-01T12:00:00.000Z",
  origin: "api",
} as const;

export const shownUser = (user: User): UserAnswer => ({
  sub: user.id,
  ...present({ username: user.username, email: user.email }),
  emailVerified: user.email_verified === 1,
  ...present({ name: user.name, picture: user.picture, locale: user.locale }),
  ...shownProfile(user),
  attributes: JSON.parse(user.attributes),
  status: user.disabled_at === null ? "active" : "disabled",
  hasPassword: user.password_hash !== null,
  mustChangePassword: user.must_change_password === 1,
  ...present({
    passwordChangedAt: user.password_changed_at === null ? null : time(user.password_changed_at),
  }),
  createdAt: time(user.created_at),
  changedAt: time(user.changed_at),
  origin: user.origin,
});

function shownProfile(user: User): Pick<UserAnswer, "profile"> {
  const profile = profileOf(user);
  return Object.keys(profile).length === 0 ? {} : { profile };
}

/** Without who did it and why. */
export const shownBan = ({
  api,
  permission,
  until,
}: StandingBan): UserWithRights["standingBans"][number] => ({
  scope: api === undefined ? "all" : { api, ...(permission === undefined ? {} : { permission }) },
  ...(until === undefined ? {} : { until: time(until) }),
});

const time = (seconds: number): string => new Date(seconds * 1000).toISOString();

const present = <Name extends string>(fields: Record<Name, string | null>): { [_ in Name]?: string } =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null)) as never;

/** What people call the user, beside the `sub`. */
export const calledOf = ({ id, username, email }: User): Pick<UserState, "sub" | "username" | "email"> => ({
  sub: id,
  ...(username === null ? present({ email }) : { username }),
});
