/** What a person sees and changes of the own account: `/account/v1`. */
import { z } from "zod";
import { pageSchemaOf } from "./pages.ts";
import { receiptSchema } from "./receipt.ts";
import { DEVICE_TYPES, sessionSchema } from "./sessions.ts";
import { userSchema } from "./users.ts";

export const accountSchema = userSchema
  .pick({
    sub: true,
    username: true,
    email: true,
    emailVerified: true,
    name: true,
    picture: true,
    locale: true,
    profile: true,
    hasPassword: true,
    passwordChangedAt: true,
    createdAt: true,
  })
  .describe("Of the person whose token it is.");
export type Account = z.infer<typeof accountSchema>;

/** Answer of `PATCH /account/v1`. */
export const changedAccountSchema = accountSchema.extend({
  receipt: receiptSchema
    .optional()
    .describe("Of the tokens that said of the person what is true no more. Absent: there are none."),
});
export type ChangedAccount = z.infer<typeof changedAccountSchema>;

export const ownSessionSchema = sessionSchema.omit({ user: true }).extend({
  current: z.boolean().describe("Whether the token of this call is of this session."),
});
export type OwnSession = z.infer<typeof ownSessionSchema>;

export const ownSessionListSchema = pageSchemaOf(ownSessionSchema);
export type OwnSessionList = z.infer<typeof ownSessionListSchema>;

export const endOwnSessionsSchema = z
  .strictObject({
    all: z.literal(true).optional().describe("Every session, that of this call too."),
    others: z.literal(true).optional().describe("All but the session of this call."),
    deviceType: z.enum(DEVICE_TYPES).optional().describe("Those on this type of device."),
  })
  .refine((body) => Object.values(body).filter((value) => value !== undefined).length === 1, {
    message: "Must have exactly one of all, others, deviceType.",
  });

export const knownDeviceSchema = z.object({
  id: z.string(),
  lastUsedAt: z.string().describe("RFC 3339. Of the last sign-in there."),
});
export type KnownDevice = z.infer<typeof knownDeviceSchema>;

export const knownDeviceListSchema = pageSchemaOf(knownDeviceSchema);
export type KnownDeviceList = z.infer<typeof knownDeviceListSchema>;

/** Answer of `POST /account/v1/password`. */
export const ownPasswordChangedSchema = z.object({
  sub: z.string(),
  ended: z.int().describe("How many other sessions this has ended."),
  receipt: receiptSchema.optional().describe("Absent when there was no other session."),
});
export type OwnPasswordChanged = z.infer<typeof ownPasswordChangedSchema>;
