/** Tokens for scripts, as `/api/v1/users/{user}/tokens`, `/api/v1/apps/{clientId}/tokens` and `/account/v1/tokens` show them. */
import { z } from "zod";
import { OPAQUE_TOKEN_KINDS } from "./opaque-token.ts";
import { pageSchemaOf } from "./pages.ts";
import { REASONS } from "./reasons.ts";
import { receiptSchema } from "./receipt.ts";
import { SHOWN_NAME, SHOWN_NAME_WORDS } from "./sessions.ts";

const time = z.string().describe("RFC 3339.");
const MAX_NAME_CHARACTERS = 100;
const MAX_ADDRESSES_PER_TOKEN = 20;
const WEEK_SECONDS = 7 * 24 * 60 * 60;

export const scriptTokenNameSchema = z
  .string()
  .trim()
  .min(1, "Must not be empty.")
  .max(MAX_NAME_CHARACTERS, `Must have at most ${MAX_NAME_CHARACTERS} characters.`)
  .regex(SHOWN_NAME, SHOWN_NAME_WORDS);

const futureTime = z.iso.datetime({
  offset: true,
  error: "must be a time of RFC 3339, as in 2027-01-31T12:00:00Z",
});

const cidr = z.union([z.cidrv4(), z.cidrv6()]);
const MAX_CIDR_CHARACTERS = 49;
const addressRange = z
  .string()
  .max(MAX_CIDR_CHARACTERS)
  .refine(
    (text) => cidr.safeParse(text).success,
    "must be a CIDR range, as in 203.0.113.0/24 or 2001:db8::/32",
  );

export const scriptTokenSchema = z.object({
  id: z.string().describe("The `jti` of its claims. It names the token, and opens nothing."),
  kind: z.enum(OPAQUE_TOKEN_KINDS).describe("`personal`: of a user. `key`: of an app."),
  name: z.string().describe("What its owner calls it."),
  user: z
    .object({ sub: z.string(), username: z.string().optional() })
    .optional()
    .describe("Whose personal token it is."),
  app: z.object({ clientId: z.string(), name: z.string() }).optional().describe("Whose API key it is."),
  api: z.string().describe("Identifier of the API that it is for."),
  permissions: z
    .array(z.string())
    .describe("That were chosen. What its owner may do no more is left out when it is used."),
  allowedAddresses: z
    .array(z.string())
    .optional()
    .describe("CIDR ranges of the callers that may use it. Absent: all."),
  createdAt: time,
  createdBy: z.string().describe("`sub` of a person, or `client_id` of an app."),
  expiresAt: z.string().optional().describe("RFC 3339. Absent: it has no end."),
  lastUsedAt: z
    .string()
    .optional()
    .describe("RFC 3339, some minutes late. Absent: never, as far as is known."),
  lastUsedAddress: z
    .string()
    .optional()
    .describe("Where it was used from then, as far as the verifier has said so."),
  lastUsedVia: z.string().optional().describe("`client_id` of the verifier that it was shown to then."),
  active: z.boolean().describe("False if it has ended or run out."),
  rotatedTo: z.string().optional().describe("`id` of the token that was made in its place."),
  endedAt: z.string().optional().describe("When it was ended. Absent when it was not."),
  reason: z.enum(REASONS).optional().describe("Why it was ended."),
});
export type ScriptToken = z.infer<typeof scriptTokenSchema>;

export const scriptTokenListSchema = pageSchemaOf(scriptTokenSchema);
export type ScriptTokenList = z.infer<typeof scriptTokenListSchema>;

export const newScriptTokenSchema = z.strictObject({
  name: scriptTokenNameSchema.describe("What its owner calls it."),
  api: z.string().min(1).max(500).describe("Identifier of the API that it is for: of one alone."),
  permissions: z
    .array(z.string().min(1).max(100))
    .min(1)
    .max(100)
    .describe("Permissions there. Its owner must be allowed each of them."),
  allowedAddresses: z
    .array(addressRange)
    .min(1)
    .max(MAX_ADDRESSES_PER_TOKEN)
    .optional()
    .describe("CIDR ranges of the callers that may use it. Absent: all."),
  expiresAt: futureTime
    .optional()
    .describe("When it stops working. It must be there, unless the policy says otherwise."),
});
export type NewScriptToken = z.output<typeof newScriptTokenSchema>;

/** Answer to who has made one. */
export const createdScriptTokenSchema = scriptTokenSchema.extend({
  token: z.string().describe("In clear. It is never shown again."),
});
export type CreatedScriptToken = z.infer<typeof createdScriptTokenSchema>;

export const rotateScriptTokenSchema = z.strictObject({
  overlapSeconds: z
    .int()
    .min(0)
    .max(WEEK_SECONDS)
    .default(0)
    .describe("How long the token of before still works: 0 ends it at once."),
  expiresAt: futureTime
    .optional()
    .describe(
      "When the new one stops working. Without it: it lives for as long as the one of before was made for.",
    ),
});

export const rotatedScriptTokenSchema = createdScriptTokenSchema.extend({
  replaces: z
    .object({ id: z.string(), worksUntil: time })
    .describe("The token of before, and when it stops working at the latest."),
  receipt: receiptSchema.describe("That verifiers know of the end of the token of before."),
});
export type RotatedScriptToken = z.infer<typeof rotatedScriptTokenSchema>;

/** Answer of `DELETE .../tokens/{id}`. */
export const endedScriptTokenSchema = z.object({
  id: z.string(),
  name: z.string(),
  changed: z.boolean().describe("False if it had ended before: then the receipt is the earlier one."),
  receipt: receiptSchema,
});
export type EndedScriptToken = z.infer<typeof endedScriptTokenSchema>;

/** What a person may have in a token of the own: `GET /account/v1/tokens/choices`. */
export const tokenChoicesSchema = z.object({
  items: z.array(
    z.object({
      api: z.string(),
      name: z.string(),
      permissions: z
        .record(z.string(), z.string())
        .describe("Each permission, and what it lets a script do, in words."),
    }),
  ),
  maxLifetimeSeconds: z.int(),
  mayLackExpiry: z.boolean(),
});
export type TokenChoices = z.infer<typeof tokenChoicesSchema>;
