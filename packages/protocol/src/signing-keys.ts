/** The issuer's signing keys, as its administrators see them: `/api/v1/keys`. */
import { z } from "zod";
import { pageSchemaOf } from "./pages.ts";
import { REASONS } from "./reasons.ts";
import { revocationAnswerSchema } from "./receipt.ts";

/**
 * What an issuer of ours signs with, the one that it always has first. Each has keys of its own: one that signs, one that is
 * next.
 */
export const SIGNING_ALGORITHMS = ["ES256", "EdDSA", "RS256"] as const;
export type SigningAlgorithm = (typeof SIGNING_ALGORITHMS)[number];

/** Of whatever asks for no other. */
export const DEFAULT_SIGNING_ALGORITHM = "ES256" satisfies SigningAlgorithm;

const signingKeySchema = z.object({
  kid: z.string(),
  algorithm: z.string(),
  /**
   * Of each algorithm by itself. `active`: signs. `next`: published, and signs after it. `retiring`: another signs; published until its last token has
   * ended. `retired`: of no use to anybody.
   */
  status: z.enum(["active", "next", "retiring", "retired"]),
  /** RFC 3339, as all times here. */
  createdAt: z.string(),
  /** Of all but retired ones. */
  publishedSince: z.string().optional(),
  /** Of a retiring one. */
  publishedUntil: z.string().optional(),
  retiredAt: z.string().optional(),
  /** `rotated`: its tokens had ended. Else a reason of revocations, or `unvouched`: see the guide on upgrades. */
  retiredReason: z.string().optional(),
  retiredBy: z.string().optional(),
  /** What people call `retiredBy`, as far as it is known. */
  retiredByName: z.string().optional(),
});
export type SigningKeyEntry = z.infer<typeof signingKeySchema>;

/** `GET /api/v1/keys`: by status, then the newest first. */
export const keyListSchema = pageSchemaOf(signingKeySchema);
export type KeyList = z.infer<typeof keyListSchema>;

/** Only of a key that was published a shorter time ago than `KEY_KNOWN_AFTER_SECONDS`. */
export const keyWarningSchema = z.object({ code: z.literal("recently_published"), text: z.string() });
export type KeyWarning = z.infer<typeof keyWarningSchema>;

/** The key of an algorithm that signs from now on, and what an operator has to know of it. */
export const signingNowSchema = z.object({
  kid: z.string(),
  /** Servers of older versions do not say: it is ES256 there. */
  algorithm: z.string().optional(),
  publishedSince: z.string(),
  warning: keyWarningSchema.optional(),
});
export type SigningNow = z.infer<typeof signingNowSchema>;

/** Body of `POST /api/v1/keys/rotate`; may be left out. */
export const keyRotationRequestSchema = z.strictObject({
  algorithm: z.enum(SIGNING_ALGORITHMS).default(DEFAULT_SIGNING_ALGORITHM),
});

/** `POST /api/v1/keys/rotate`: what signs from now on, and the `kid` of what will sign after it. */
export const rotatedKeySchema = signingNowSchema.extend({ next: z.string() });
export type RotatedKey = z.infer<typeof rotatedKeySchema>;

/** Body of `POST /api/v1/keys/{kid}/retire`; may be left out. */
export const keyRetirementRequestSchema = z.strictObject({
  reason: z.enum(REASONS).default("key_retired"),
  /** Why, in words, for the audit; stays in SQL. */
  note: z
    .string()
    .max(2000)
    .regex(/^[^\0]*$/, "has a NUL character, which cannot be stored")
    .optional(),
});

/** `POST /api/v1/keys/{kid}/retire`: that of every revocation, and what signs now. */
export const keyRetirementAnswerSchema = revocationAnswerSchema.extend({
  signing: signingNowSchema.extend({
    /** Whether another signs than before. Only then is there a `warning`. Servers of older versions do not say. */
    changed: z.boolean().optional(),
  }),
});
export type KeyRetirementAnswer = z.infer<typeof keyRetirementAnswerSchema>;
