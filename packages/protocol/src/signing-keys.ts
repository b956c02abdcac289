/** The issuer's signing keys, as its administrators see them: `/api/v1/keys`. */
import { z } from "zod";
import { REASONS } from "./reasons.ts";

export const signingKeySchema = z.object({
  kid: z.string(),
  algorithm: z.string(),
  /** `retiring`: another signs; published until its last token has ended. `retired`: of no use to anybody. */
  status: z.enum(["active", "retiring", "retired"]),
  /** RFC 3339, as all times here. */
  createdAt: z.string(),
  /** Of a retiring one. */
  publishedUntil: z.string().optional(),
  retiredAt: z.string().optional(),
  /** `rotated`: its tokens had ended. Else a reason of revocations, or `unvouched`: see the guide on upgrades. */
  retiredReason: z.string().optional(),
  retiredBy: z.string().optional(),
});
export type SigningKeyEntry = z.infer<typeof signingKeySchema>;

/** `GET /api/v1/keys`: by status, then the newest first. */
export const keyListSchema = z.object({ items: z.array(signingKeySchema) });
export type KeyList = z.infer<typeof keyListSchema>;

/** `POST /api/v1/keys/rotate`: the key that signs from now on. */
export const rotatedKeySchema = z.object({ kid: z.string() });
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
