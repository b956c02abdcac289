/** What an act would end: the answer to a dry run. */
import { z } from "zod";

/** A number, or that nobody can know: zero would be a promise. */
const atMost = (description: string) =>
  z.union([z.int().nonnegative(), z.literal("unknown")]).describe(description);

export const blastRadiusSchema = z.object({
  users: atMost("Users who lose something."),
  sessions: atMost("Sessions that end: their devices are signed out."),
  apps: atMost("Apps that lose a grant or tokens."),
  tokens: atMost(
    "Codes, refresh tokens and access tokens that stop working. `unknown` where apps get tokens for themselves, of which no list is kept.",
  ),
});
export type BlastRadius = z.infer<typeof blastRadiusSchema>;

/** How many apps lose an API, or a permission of one, that goes. */
export const withdrawnFromAppsSchema = z
  .int()
  .nonnegative()
  .optional()
  .describe(
    "Apps that may ask for it no more: it is taken out of their `apis`. There when an API or a permission goes.",
  );

/** Answer of a call that ends something, with `dryRun=true`. */
export const dryRunSchema = z.object({
  dryRun: z.literal(true).describe("Nothing was changed."),
  ends: blastRadiusSchema.describe("What the call would end, at most."),
  withdrawnFromApps: withdrawnFromAppsSchema,
});
export type DryRun = z.infer<typeof dryRunSchema>;
