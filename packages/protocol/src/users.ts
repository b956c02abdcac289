/** Users as the API shows them: `/api/v1/users`. */
import { z } from "zod";
import { banScopeSchema } from "./bans.ts";
import { pageSchemaOf } from "./pages.ts";
import { receiptSchema } from "./receipt.ts";
import { userProfileSchema } from "./user-profile.ts";

export const USER_STATUSES = ["active", "disabled"] as const;

export const userSchema = z.object({
  sub: z.string().describe("As tokens name the user. It never changes, and is never given to another."),
  username: z.string().optional(),
  email: z.string().optional(),
  emailVerified: z
    .boolean()
    .describe(
      "Whether it is known to be the user's. Only then does it identify the user, and nobody else can have it.",
    ),
  name: z.string().describe("Of the person.").optional(),
  picture: z.string().describe("URL.").optional(),
  locale: z.string().describe("Language tag (BCP 47).").optional(),
  profile: userProfileSchema
    .optional()
    .describe("What apps may be told of the person, too. Absent: nothing."),
  attributes: z.record(z.string(), z.unknown()).describe("What the operator keeps of the user."),
  status: z.enum(USER_STATUSES),
  hasPassword: z.boolean().describe("Without one, the user cannot sign in by password."),
  mustChangePassword: z.boolean().describe("The next sign-in asks for a new password."),
  passwordChangedAt: z.string().describe("RFC 3339. Absent: not since the user was made.").optional(),
  createdAt: z.string().describe("RFC 3339."),
  changedAt: z.string().describe("RFC 3339."),
  origin: z.enum(["file", "api", "import"]).describe("What brought the user here."),
});
export type UserAnswer = z.infer<typeof userSchema>;

export const ROLES = ["administrator"] as const;

/** Answer of `GET /api/v1/users/{user}`: with what the user may do, and may not. */
export const userWithRightsSchema = userSchema.extend({
  roles: z.array(z.enum(ROLES)).describe("Built-in roles that the user has."),
  standingBans: z
    .array(
      z.object({
        scope: banScopeSchema,
        until: z.iso
          .datetime()
          .optional()
          .describe("When it ends by itself. Absent: it stands until it is lifted."),
      }),
    )
    .describe("What keeps the user out now. Who did it, and why, is for `bans.read`."),
});
export type UserWithRights = z.infer<typeof userWithRightsSchema>;

/** Answer of `PATCH /api/v1/users/{user}`. */
export const changedUserSchema = userSchema.extend({
  receipt: receiptSchema
    .optional()
    .describe("Of the tokens that said of the user what is true no more. Absent: there are none."),
});
export type ChangedUser = z.infer<typeof changedUserSchema>;

/** `GET /api/v1/users`. */
export const userListSchema = pageSchemaOf(userSchema);
export type UserList = z.infer<typeof userListSchema>;

/** A line of the answer of `POST /api/v1/users/import`. */
export const userImportResultSchema = z.object({
  line: z.int().describe("From 1, of this request."),
  result: z.enum(["created", "unchanged", "failed"]),
  sub: z.string().optional(),
  code: z.string().describe("Of the catalogue, of one that failed.").optional(),
  detail: z.string().optional(),
  problems: z.array(z.object({ field: z.string(), message: z.string() })).optional(),
});
export type UserImportResult = z.infer<typeof userImportResultSchema>;

/** Answer of `POST /api/v1/users/{user}/unlock`. */
export const userUnlockedSchema = z.object({
  sub: z.string(),
  username: z.string().optional(),
  email: z.string().describe("Of a user without a username.").optional(),
  changed: z.boolean().describe("False if there were no failed sign-ins to forget."),
});
export type UserUnlocked = z.infer<typeof userUnlockedSchema>;
