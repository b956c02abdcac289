/** The request to revoke and its receipt: `POST /revocations`. */
import { z } from "zod";
import { REASONS } from "./reasons.ts";
import { MODES, PAIR_SCOPES, type PairScope } from "./scopes.ts";

/** PostgreSQL's texts cannot hold the character NUL. */
const WITHOUT_NUL = { pattern: /^[^\0]*$/, says: "has a NUL character, which cannot be stored" };
const text = z.string().min(1).max(512).regex(WITHOUT_NUL.pattern, WITHOUT_NUL.says);
/** The key is of another issuer's tokens: it is taken as it is, and nothing here is asked whether it exists. */
const foreign = z
  .boolean()
  .optional()
  .describe("The key belongs to tokens of another issuer. The server does not look it up.");
const common = {
  mode: z
    .enum(MODES)
    .default("kill")
    .describe("`kill`: the session is over too. `stale`: refresh and go on."),
  reason: z
    .enum(REASONS)
    .optional()
    .describe("What apps are told. Default: `revoked` for `kill`, `claims_changed` for `stale`."),
  note: z
    .string()
    .max(2000)
    .regex(WITHOUT_NUL.pattern, WITHOUT_NUL.says)
    .optional()
    .describe("Why, in words, for the audit. It stays in the database."),
  require: z
    .enum(["all", "quorum"])
    .optional()
    .describe(
      "What the call waits for: that all verifiers enforce it, or that more than half of each client's do.",
    ),
};

/** Returns the body of a scope whose key is a pair. */
const pairRequest = <Scope extends PairScope>(scope: Scope, what: string) =>
  z.strictObject({
    scope: z.literal(scope),
    key: z.strictObject({ subject: text, ...halfOf(scope, text) }).describe(what),
    foreign,
    ...common,
  });

/** Returns the member that the half beside the subject is. */
const halfOf = <Scope extends PairScope, Schema>(scope: Scope, schema: Schema) =>
  ({ [PAIR_SCOPES[scope]]: schema }) as Record<(typeof PAIR_SCOPES)[Scope], Schema>;

/** Body of `POST /revocations`. The key is a text, a pair for scopes that name two, and absent for `issuer`. */
export const revocationRequestSchema = z.discriminatedUnion("scope", [
  z.strictObject({
    scope: z.literal("token"),
    key: text.describe("`jti` of the token."),
    exp: z
      .int()
      .positive()
      .optional()
      .describe("`exp` of the token, in seconds. It is accepted, but not used."),
    foreign,
    ...common,
  }),
  pairRequest("subject-client", "The user and the client."),
  pairRequest("subject-audience", "The user and the API."),
  pairRequest("subject-organization", "The user and the organization."),
  z.strictObject({
    scope: z.enum(["session", "grant", "subject", "client", "audience", "organization", "key", "dpop-key"]),
    key: text.describe("What to end: an id, a username, a `client_id`, an audience, a `kid`."),
    foreign,
    ...common,
  }),
  z.strictObject({ scope: z.literal("issuer"), ...common }),
]);
export type RevocationRequest = z.infer<typeof revocationRequestSchema>;

/** Body of `POST /revocations/loss`: the database lost committed revocations, and nobody else can know. */
export const lossDeclarationSchema = z.strictObject({
  note: common.note,
  beyond: z
    .int()
    .nonnegative()
    .optional()
    .describe(
      "A seq that the lost log did not reach: at most a million past the head, by default ten thousand past it.",
    ),
});
export type LossDeclaration = z.infer<typeof lossDeclarationSchema>;

/** The log as it is then: everything that was issued before its head is void. */
export const declaredLossSchema = z.object({ incarnation: z.string(), head: z.int().nonnegative() });
export type DeclaredLoss = z.infer<typeof declaredLossSchema>;

/** A receiver that is no verifier, and how far it is with being told. Nothing that is enforced depends on it. */
export const recipientLineSchema = z.object({
  recipient: z.string().describe("`client_id` of the app."),
  outcome: z
    .enum(["delivered", "pending", "unsupported", "unavailable"])
    .describe(
      "`pending`: it is tried, or tried again. `unsupported`: the app has no address for it any more. `unavailable`: tried as often as it may be, or dropped by an operator.",
    ),
});
export type RecipientLine = z.infer<typeof recipientLineSchema>;

/**
 * `enforced`: every lease holder has acknowledged, or its lease has run out, so none of them
 * allows what was revoked. `pending`: `laggards` may still allow it, until `enforcedBy` at the latest. `quorum`: so it
 * was asked for, and more than half have acknowledged; `laggards` may still allow it, as when pending.
 */
export const receiptSchema = z.object({
  seq: z.int().nonnegative().describe("Its place in the log."),
  state: z
    .enum(["enforced", "quorum", "pending"])
    .describe("Which verifiers enforce it: all, more than half, or fewer so far."),
  acked: z.int().nonnegative().describe("How many verifiers have acknowledged it."),
  leased: z.int().nonnegative().describe("How many verifiers held a lease when it was stored, or since."),
  laggards: z
    .array(z.string())
    .optional()
    .describe("Verifiers that may still allow what was revoked. Absent when it is enforced."),
  unnamed: z
    .boolean()
    .optional()
    .describe(
      "`true`: verifiers of other servers are waited for, too, which this server cannot name, since it cannot read the table of verifiers. Absent otherwise.",
    ),
  waitingFor: z
    .array(
      z.object({
        name: z.string(),
        clientId: z.string().describe("With whose credential it called."),
        address: z.string().optional().describe("Where its last call came from, if that is known."),
      }),
    )
    .optional()
    .describe("The same verifiers as `laggards`, with whose they are: a process gives itself its name."),
  enforcedBy: z
    .string()
    .optional()
    .describe("When the last of them must have stopped: RFC 3339. Absent when it is enforced."),
  elapsedMs: z.number().nonnegative().describe("Milliseconds from the commit to this receipt."),
  recipients: z
    .array(recipientLineSchema)
    .optional()
    .describe("Apps that are told by a logout token that a session is over. Absent if there is none."),
});
export type Receipt = z.infer<typeof receiptSchema>;

/** The key of a scope that names two. */
export const pairKeySchema = z.union([
  z.object({ subject: z.string(), client: z.string() }),
  z.object({ subject: z.string(), audience: z.string() }),
  z.object({ subject: z.string(), organization: z.string() }),
]);

/** Answer of `POST /revocations`: the receipt, and what it is about. */
export const revocationAnswerSchema = receiptSchema.extend({
  key: z
    .union([z.string(), pairKeySchema])
    .optional()
    .describe(
      "What was revoked, as tokens name it: a username has become a `sub`. Absent for the scope `issuer`.",
    ),
  known: z
    .boolean()
    .describe(
      "False if the server cannot know whether the key exists: a `jti`, a `jkt`, and every `foreign` key.",
    ),
  repeated: z
    .literal(true)
    .optional()
    .describe("It had ended before. Nothing was written, and this is the receipt of the earlier revocation."),
});
export type RevocationAnswer = z.infer<typeof revocationAnswerSchema>;

/** Answer of `POST /api/v1/users/{user}/disable` and `/enable`. */
export const userStateSchema = z.object({
  sub: z.string().describe("As tokens name the user."),
  username: z.string().optional(),
  email: z.string().describe("Of a user without a username.").optional(),
  status: z.enum(["active", "disabled", "deleted"]),
  changed: z.boolean().describe("False if the state was the same before."),
  receipt: receiptSchema
    .optional()
    .describe("Receipt for what the change has ended. Absent when it ends nothing."),
});
export type UserState = z.infer<typeof userStateSchema>;

/** Answer of `/api/v1/users/{user}/roles/{role}`. */
export const roleStateSchema = z.object({
  sub: z.string().describe("As tokens name the user."),
  username: z.string().optional(),
  email: z.string().describe("Of a user without a username.").optional(),
  role: z.enum(["administrator"]),
  held: z.boolean().describe("Whether the user has the role now."),
  changed: z.boolean().optional().describe("Of a call that changes it: false if it was so before."),
  receipt: receiptSchema
    .optional()
    .describe("Receipt for what the change has ended. Absent when it ends nothing."),
});
export type RoleState = z.infer<typeof roleStateSchema>;

/** Answer of `GET /api/v1/users/{user}/roles`. */
export const roleListSchema = z.object({
  items: z.array(z.object({ role: z.enum(["administrator"]) })),
});
export type RoleList = z.infer<typeof roleListSchema>;

/** Answer of `POST /api/v1/apps/{clientId}/disable` and `/enable`. */
export const appStateSchema = z.object({
  clientId: z.string(),
  name: z.string(),
  status: z.enum(["enabled", "disabled"]),
  changed: z.boolean().describe("False if the state was the same before."),
  receipt: receiptSchema
    .optional()
    .describe("Receipt for what the change has ended. Absent when it ends nothing."),
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
