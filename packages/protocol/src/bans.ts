/** Bans as the API tells of them: `/api/v1/users/{user}/bans` and `/api/v1/bans`. */
import { z } from "zod";
import { pageSchemaOf } from "./pages.ts";
import { receiptSchema } from "./receipt.ts";

/** What a user is banned from. */
export const banScopeSchema = z.union(
  [
    z.literal("all"),
    z.strictObject({
      api: z.string().min(1).max(2000).describe("Identifier of the API: the audience of its tokens."),
      permission: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe("One permission of the API. Without it, the whole API."),
    }),
  ],
  'Must be "all", {"api": ...} or {"api": ..., "permission": ...}.',
);
export type BanScope = z.infer<typeof banScopeSchema>;

export const BAN_STATUSES = ["standing", "over", "lifted"] as const;

export const banSchema = z.object({
  id: z.string(),
  user: z.object({
    sub: z.string().describe("As tokens name the user."),
    username: z.string().optional().describe("Absent if the user has none, or was deleted."),
    label: z
      .string()
      .optional()
      .describe(
        "Where there is no username: the e-mail address, or what people called a user who was deleted.",
      ),
  }),
  scope: banScopeSchema,
  status: z
    .enum(BAN_STATUSES)
    .describe("`over`: it has ended by itself, at its `until`. `lifted`: somebody has ended it."),
  reason: z.string().describe("Why, in words, for who administers. The user does not see it."),
  message: z.string().optional().describe("What the user is told."),
  until: z.iso
    .datetime()
    .optional()
    .describe("When it ends by itself. Absent: it stands until it is lifted."),
  createdAt: z.iso.datetime(),
  createdBy: z.string().describe("`sub` of a person, or `client_id` of an app."),
  createdByName: z.string().optional().describe("What people call `createdBy`, as far as it is known."),
  liftedAt: z.iso.datetime().optional(),
  liftedBy: z.string().optional(),
  liftedByName: z.string().optional().describe("What people call `liftedBy`, as far as it is known."),
});
export type Ban = z.infer<typeof banSchema>;

/** Answer of `POST /api/v1/users/{user}/bans`. */
export const newBanSchema = banSchema.extend({
  receipt: receiptSchema.optional().describe("Receipt for what the ban has ended."),
});
export type NewBan = z.infer<typeof newBanSchema>;

/** Answer of `DELETE /api/v1/bans/{id}`. */
export const liftedBanSchema = banSchema.extend({
  changed: z.boolean().describe("False if it stood no more."),
});
export type LiftedBan = z.infer<typeof liftedBanSchema>;

export const banListSchema = pageSchemaOf(banSchema);
export type BanList = z.infer<typeof banListSchema>;
