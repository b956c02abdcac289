/** What every call takes that ends something: whether it is only to say what it would end, and how long to wait for the receipt. */
import { parsePreferWait } from "@portcullis/protocol";
import { z } from "zod";
import { flag } from "./flag.ts";

/** Longest that a request may ask to wait for its receipt. */
export const MAX_WAIT_SECONDS = 30;

/** Query parameters, to be spread beside others. */
export const DRY_RUN = {
  dryRun: flag("Change nothing, and answer with what it would end.").meta({ param: { id: "DryRun" } }),
};

/** Headers of a request whose answer is a receipt. */
export const PREFER_WAIT = {
  Prefer: z
    .string()
    .optional()
    .meta({
      description: `\`wait=N\`: wait up to N seconds, at most ${MAX_WAIT_SECONDS}, until verifiers enforce it. Without it, the call answers at once, with what is known by then.`,
      example: "wait=2",
      param: { id: "PreferWait" },
    }),
};

/** Headers of its answer. */
export const PREFERENCE_APPLIED = {
  "Preference-Applied": "What of `Prefer` was applied: `wait=N` with the seconds that were granted.",
} as const;

export interface GrantedWait {
  readonly milliseconds: number;
  readonly headers: Readonly<Record<string, string>>;
}

/** Returns how long the call waits, and what its answer says of that (RFC 7240, section 4.3). */
export function grantWait(prefer: string | undefined): GrantedWait {
  const asked = parsePreferWait(prefer);
  if (asked === undefined) return { milliseconds: 0, headers: {} };
  const seconds = Math.min(asked, MAX_WAIT_SECONDS);
  return { milliseconds: seconds * 1000, headers: { "preference-applied": `wait=${seconds}` } };
}
