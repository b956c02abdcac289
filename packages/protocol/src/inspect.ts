/** What the admin API says of revocations and verifiers (scope `revocations.inspect`). */
import { z } from "zod";
import { clockReportSchema } from "./feed.ts";
import { liveDigestSchema } from "./live-digest.ts";
import { REASONS } from "./reasons.ts";
import { pairKeySchema, receiptSchema } from "./receipt.ts";
import { MODES, SCOPES } from "./scopes.ts";

/** One revocation, as the operator sees it. */
const revocationEntrySchema = z.object({
  seq: z.int().positive(),
  scope: z.enum(SCOPES),
  mode: z.enum(MODES),
  reason: z.enum(REASONS),
  key: z
    .union([z.string(), pairKeySchema, z.null()])
    .describe("What was revoked, in clear. Null for the scope `issuer`."),
  revokedAt: z.string().describe("RFC 3339."),
  expiresAt: z.string().describe("RFC 3339. Until then a token that it covers could be valid."),
  subjectName: z
    .string()
    .optional()
    .describe(
      "What people call the user whom it concerns, or called one who was deleted. Absent if it concerns no user, or nobody knows whom.",
    ),
  clientName: z.string().optional().describe("Name of the app that it concerns. Absent if it concerns none."),
  actor: z.string().nullable().describe("The client or person that revoked."),
  actorName: z.string().optional().describe("What people call `actor`, as far as it is known."),
  note: z.string().nullable().describe("Why, in words."),
});
export type RevocationEntry = z.infer<typeof revocationEntrySchema>;

/** `GET /revocations`: newest first. */
export const revocationPageSchema = z.object({
  head: z.int().nonnegative().describe("The newest seq of the log."),
  revocations: z.array(revocationEntrySchema),
  next: z
    .int()
    .positive()
    .optional()
    .describe(
      "Use it as `before` of the next page. Only the last page has none; a page before it may be short or empty.",
    ),
});
export type RevocationPage = z.infer<typeof revocationPageSchema>;

/** `GET /revocations/{seq}`: the revocation, and how far it has got. */
export const revocationStatusSchema = z.object({ revocation: revocationEntrySchema, receipt: receiptSchema });
export type RevocationStatus = z.infer<typeof revocationStatusSchema>;

/** One verifier that holds, or lately held, a lease. */
const verifierStatusSchema = z.object({
  name: z.string(),
  clientId: z.string(),
  /** Its index holds every record up to this seq: so it said last. */
  applied: z.int().nonnegative(),
  /** How many records of the log it has not acknowledged. */
  behind: z.int().nonnegative(),
  leaseMs: z.number().nonnegative(),
  /** Milliseconds since its last lease call, as far as it is known. */
  ageMs: z.number().nonnegative(),
  /** Where its last call came from, if that is known. */
  address: z.string().optional(),
  /** Whether its lease may still be in force. */
  leased: z.boolean(),
  /** Value of the chain at `applied`, as it reported it. */
  chain: z.string().length(43).optional(),
  live: liveDigestSchema.optional(),
  /** Whether what it reported equals the log in SQL; absent when it has reported nothing that can be compared. */
  agrees: z.boolean().optional(),
  /** What it measured of its wall clock against the issuer's; absent when it has not said so to the server that is asked. */
  clock: clockReportSchema.optional(),
});
export type VerifierStatus = z.infer<typeof verifierStatusSchema>;

/** A verifier that gets no lease, because an operator said so. */
export const suspendedVerifierSchema = z.object({
  name: z.string(),
  clientId: z.string(),
  suspendedAt: z.string().describe("RFC 3339."),
  suspendedBy: z.string().describe("The client or person that suspended it."),
  note: z.string().nullable().describe("Why, in words."),
});
export type SuspendedVerifier = z.infer<typeof suspendedVerifierSchema>;

const verifierNameShape = {
  clientId: z.string().min(1).max(512).describe("With whose credential it calls."),
  name: z
    .string()
    .regex(/^[\w.@-]{1,100}$/, "Must be a name of a verifier: 1 to 100 letters, digits, or _ . @ -")
    .describe("As it names itself."),
};

/** Body of `POST /revocations/verifiers/suspend`. */
export const suspensionSchema = z.strictObject({
  ...verifierNameShape,
  note: z.string().max(2000).optional().describe("Why, in words."),
});

/** Body of `POST /revocations/verifiers/resume`. */
export const resumptionSchema = z.strictObject(verifierNameShape);

/** Answer of both. */
export const suspensionStateSchema = z.object({
  name: z.string(),
  clientId: z.string(),
  suspended: z.boolean(),
  changed: z.boolean().describe("False if it was so before."),
  mayAllowUntil: z
    .string()
    .optional()
    .describe("When the lease that it still holds has run out: RFC 3339. Absent when it holds none."),
});
export type SuspensionState = z.infer<typeof suspensionStateSchema>;

/** `GET /revocations/verifiers`. */
export const verifierListSchema = z.object({
  incarnation: z.string(),
  head: z.int().nonnegative(),
  verifiers: z.array(verifierStatusSchema),
  suspended: z
    .array(suspendedVerifierSchema)
    .optional()
    .describe("Those that get no lease until they are resumed, whether they still hold one or not."),
});
export type VerifierList = z.infer<typeof verifierListSchema>;

/**
 * `GET /revocations/batches?after=SEQ&limit=N` (scope `revocations.read`): the log as it is in SQL, for catching up
 * and for proving it. `records` is base64url of 40-byte records, `after + 1`..`to`; empty when there is nothing.
 */
export const logPageSchema = z.object({
  incarnation: z.string(),
  head: z.int().nonnegative(),
  /** From this seq on nothing is missing. */
  oldestKept: z.int().positive(),
  /** As asked for; more where the old end of the log is pruned past it. */
  after: z.int().nonnegative(),
  to: z.int().nonnegative(),
  records: z.string(),
  /** Values of the chain at `after` and at `to`. `chainBefore` is absent when the row at `after` is gone. */
  chainBefore: z.string().length(43).optional(),
  chain: z.string().length(43).optional(),
  /** The issuer's word on `to` (signed-head.ts). */
  signedHead: z.string().optional(),
});
export type LogPage = z.infer<typeof logPageSchema>;
