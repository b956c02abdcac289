/** Sessions and the policy for them, as administrators see them: `/api/v1/sessions` and `/api/v1/policies`. */
import { z } from "zod";
import { pageSchemaOf } from "./pages.ts";
import { receiptSchema } from "./receipt.ts";

export const DEVICE_TYPES = ["desktop", "mobile", "tablet", "tv", "other"] as const;
export type DeviceType = (typeof DEVICE_TYPES)[number];

/**
 * What is shown to others as the name of somebody or something: no control characters, nor what turns the direction of the text around it.
 * The two joiners stay, which Persian names and emoji are written with. And something of it is seen: a name that is blank is none.
 */
export const SHOWN_NAME =
  /^(?![\s\p{Default_Ignorable_Code_Point}\u2800]+$)(?:[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]|[\u200c\u200d])*$/u;
export const SHOWN_NAME_WORDS = "must not be blank, nor have control characters";

/** What the owner of a device calls it. */
export const deviceNameSchema = z
  .string()
  .trim()
  .min(1, "Must not be empty.")
  .max(64, "Must have at most 64 characters.")
  .regex(SHOWN_NAME, "Must not be blank, nor have control characters.");

export const sessionSchema = z.object({
  sid: z.string().describe("As tokens name it."),
  user: z.object({
    sub: z.string(),
    username: z.string().optional().describe("Absent when the user has none, or was deleted."),
    label: z
      .string()
      .optional()
      .describe(
        "Where there is no username: the e-mail address, or what people called a user who was deleted.",
      ),
  }),
  device: z.object({
    name: z.string().describe("What its owner calls it, or else the browser and the system."),
    type: z.enum(DEVICE_TYPES),
    browser: z.string().optional(),
    os: z.string().optional(),
  }),
  address: z.string().optional().describe("Of the client, at the last sign-in."),
  amr: z.array(z.string()).describe("How the user has signed in (RFC 8176)."),
  apps: z
    .array(z.object({ clientId: z.string(), name: z.string() }))
    .describe("Apps that have something below the session."),
  createdAt: z.string().describe("RFC 3339, as all times here."),
  authTime: z.string().describe("Of the last sign-in."),
  lastSeenAt: z.string().describe("Of the last visit or refresh, up to some minutes late."),
  expiresAt: z.string().describe("When it ends by itself, unless it is used before."),
  active: z.boolean().describe("False if it has ended or run out."),
  endedAt: z.string().optional().describe("When it was ended. Absent when it was not."),
  replacedBy: z.string().optional().describe("`sid` of the session that took its place."),
  replacedApps: z
    .array(z.object({ clientId: z.string(), name: z.string(), replacedBy: z.string() }))
    .optional()
    .describe("Apps that left the session when they came into one more than they may be in, and into which."),
});
export type SessionEntry = z.infer<typeof sessionSchema>;

export const sessionListSchema = pageSchemaOf(sessionSchema);
export type SessionList = z.infer<typeof sessionListSchema>;

/** Answer of `DELETE /sessions/{sid}`. */
export const endedSessionSchema = z.object({
  sid: z.string(),
  changed: z.boolean().describe("False if it had ended before: then the receipt is the earlier one."),
  receipt: receiptSchema,
});
export type EndedSession = z.infer<typeof endedSessionSchema>;

/** Answer of `POST /users/{user}/sessions/end`. */
export const endedSessionsSchema = z.object({
  sub: z.string(),
  ended: z.int().describe("How many sessions this has ended."),
  receipt: receiptSchema.optional().describe("Absent when there was nothing to end."),
});
export type EndedSessions = z.infer<typeof endedSessionsSchema>;

const DAY_SECONDS = 24 * 60 * 60;

const lifetime = z
  .int()
  .min(300, "Must be at least 300 (five minutes).")
  .max(400 * DAY_SECONDS, "Must be at most 34560000 (400 days).");

const limitMax = z.int().min(1).max(1000).describe("Sessions at most.");
const limitOverflow = z
  .enum(["replaceOldest", "refuse", "ask"])
  .describe(
    "What one more does: ends the oldest, with the reason `replaced`; is refused; or asks its user which end. Where there is no page to ask on, it is refused.",
  );

/** Of one app: in how many sessions of a user it may be at once. */
export const appSessionLimitSchema = z.strictObject({ max: limitMax, overflow: limitOverflow });
export type AppSessionLimit = z.infer<typeof appSessionLimitSchema>;

/** Of personal tokens and API keys. It counts for those that are made from then on. */
const tokenPolicySchema = z.strictObject({
  maxLifetimeSeconds: z
    .int()
    .min(60, "Must be at least 60 (one minute).")
    .max(3650 * DAY_SECONDS, "Must be at most 315360000 (ten years).")
    .describe("How far off the end of one may be that is made now."),
  mayLackExpiry: z.boolean().default(false).describe("Whether one may be made that has no end."),
});
export type TokenPolicy = z.output<typeof tokenPolicySchema>;

export const policySettingsSchema = z.strictObject({
  idleSeconds: lifetime.describe("How long a session lives without a visit and without a refresh."),
  absoluteSeconds: lifetime.describe(
    "How long a session lives after the last sign-in, however much it is used.",
  ),
  sessionLimit: z
    .strictObject({
      max: limitMax,
      per: z
        .enum(["user", "deviceType", "app"])
        .describe(
          "What they are counted by: all of a user; those of one type of device; those that one app is in, of which a new one ends that app's part alone.",
        ),
      overflow: limitOverflow,
    })
    .optional()
    .describe("Absent: as many sessions as there are."),
  tokens: tokenPolicySchema
    .optional()
    .describe("Tokens for scripts. Absent: each has an end, within a year of when it was made."),
});
export type PolicySettings = z.infer<typeof policySettingsSchema>;

export const policySchema = z.object({ name: z.string(), ...policySettingsSchema.shape });
export type PolicyEntry = z.infer<typeof policySchema>;

/** Answer of `PATCH /policies/{name}`. */
export const changedPolicySchema = policySchema.extend({
  receipt: receiptSchema
    .optional()
    .describe("Of the sessions that the change has ended. Absent when it ends nothing."),
});
