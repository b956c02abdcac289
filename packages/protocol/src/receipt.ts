/** The request to revoke and its receipt: `POST /revocations`. */
import { z } from "zod";
import { REASONS } from "./reasons.ts";
import { MODES } from "./scopes.ts";

/** PostgreSQL's texts cannot hold the character NUL. */
const WITHOUT_NUL = { pattern: /^[^\0]*$/, says: "has a NUL character, which cannot be stored" };
const text = z.string().min(1).max(512).regex(WITHOUT_NUL.pattern, WITHOUT_NUL.says);
/** The key is of another issuer's tokens: it is taken as it is, and nothing here is asked whether it exists. */
const foreign = z.boolean().optional();
const common = {
  mode: z.enum(MODES).default("kill"),
  reason: z.enum(REASONS).optional(),
  /** Why, in words, for the audit; stays in SQL. */
  note: z.string().max(2000).regex(WITHOUT_NUL.pattern, WITHOUT_NUL.says).optional(),
  /** When the call may return: once all verifiers enforce it, or once more than half of them do. */
  require: z.enum(["all", "quorum"]).optional(),
};

/** Body of `POST /revocations`. The key is a text, a pair for `subject-client`, and absent for `issuer`. */
export const revocationRequestSchema = z.discriminatedUnion("scope", [
  z.strictObject({
    scope: z.literal("token"),
    key: text,
    /** The token's own `exp`, seconds; without it the record is kept for the longest token lifetime. */
    exp: z.int().positive().optional(),
    foreign,
    ...common,
  }),
  z.strictObject({
    scope: z.literal("subject-client"),
    key: z.strictObject({ subject: text, client: text }),
    foreign,
    ...common,
  }),
  z.strictObject({
    scope: z.enum(["session", "grant", "subject", "client", "audience", "organization", "key", "dpop-key"]),
    key: text,
    foreign,
    ...common,
  }),
  z.strictObject({ scope: z.literal("issuer"), ...common }),
]);
export type RevocationRequest = z.infer<typeof revocationRequestSchema>;

/** Body of `POST /revocations/loss`: the database lost committed revocations, and nobody else can know. */
export const lossDeclarationSchema = z.strictObject({
  note: common.note,
  /** A seq that the lost log did not reach. */
  beyond: z.int().nonnegative().optional(),
});
export type LossDeclaration = z.infer<typeof lossDeclarationSchema>;

/** The log as it is then: everything that was issued before its head is void. */
export const declaredLossSchema = z.object({ incarnation: z.string(), head: z.int().nonnegative() });
export type DeclaredLoss = z.infer<typeof declaredLossSchema>;

/**
 * `enforced`: every replica that held a lease has acknowledged, or its lease has run out, so none of them
 * allows what was revoked. `pending`: `laggards` may still allow it, until `enforcedBy` at the latest. `quorum`: so it
 * was asked for, and more than half have acknowledged; `laggards` may still allow it, as when pending.
 */
export const receiptSchema = z.object({
  seq: z.int().nonnegative(),
  state: z.enum(["enforced", "quorum", "pending"]),
  /** How many replicas have acknowledged. */
  acked: z.int().nonnegative(),
  /** How many replicas held a lease when the revocation was committed, or since. */
  leased: z.int().nonnegative(),
  /** Names of the replicas that have not acknowledged; unless enforced. */
  laggards: z.array(z.string()).optional(),
  /** RFC 3339; unless enforced. */
  enforcedBy: z.string().optional(),
  /** From commit to this receipt. */
  elapsedMs: z.number().nonnegative(),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** Answer of `POST /revocations`: the receipt, and what it is about. */
export const revocationAnswerSchema = receiptSchema.extend({
  /** As tokens name it: a username or an e-mail address has become a `sub`. Absent for `issuer`. */
  key: z.union([z.string(), z.object({ subject: z.string(), client: z.string() })]).optional(),
  /** False when nothing here can know whether it exists: a raw `jti` or `jkt`, and what other issuers made. */
  known: z.boolean(),
  /** It had ended before: nothing was written, and this is the receipt of the record that ended it. */
  repeated: z.literal(true).optional(),
});
export type RevocationAnswer = z.infer<typeof revocationAnswerSchema>;

/** Answer of `POST /api/v1/users/{user}/disable` and `/enable`. */
export const userStateSchema = z.object({
  sub: z.string(),
  username: z.string(),
  status: z.enum(["active", "disabled"]),
  /** False when it was so before. */
  changed: z.boolean(),
  /** Of what the change has ended; absent when a change ends nothing. */
  receipt: receiptSchema.optional(),
});
export type UserState = z.infer<typeof userStateSchema>;

/** Answer of `POST /api/v1/apps/{clientId}/disable` and `/enable`. */
export const appStateSchema = z.object({
  clientId: z.string(),
  name: z.string(),
  status: z.enum(["enabled", "disabled"]),
  changed: z.boolean(),
  receipt: receiptSchema.optional(),
});
export type AppState = z.infer<typeof appStateSchema>;

/** Header that carries the receipt where a standard fixes the body, as an RFC 8941 dictionary. */
export const RECEIPT_HEADER = "portcullis-receipt";

export function formatReceiptHeader(receipt: Receipt): string {
  const { seq, state, acked, leased } = receipt;
  return `seq=${seq}, state=${state}, acked=${acked}, leased=${leased}`;
}

/** Returns the seconds that `Prefer: wait=N` asks for (RFC 7240, section 4.3), or undefined. */
export function parsePreferWait(header: string | undefined): number | undefined {
  const match = /(?:^|[,;])\s*wait\s*=\s*"?(\d{1,5})"?\s*(?:$|[,;])/i.exec(header ?? "");
  return match === null ? undefined : Number(match[1]);
}
