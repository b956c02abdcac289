/** How long a token for scripts may live that is made now. A policy that comes later ends none. */
import { type Problem, ProblemsError } from "@portcullis/http-api";
import type { TokenPolicy } from "@portcullis/protocol";

const YEAR_SECONDS = 365 * 24 * 60 * 60;

/** Where nobody has said anything: what is forgotten in a file somewhere ends by itself. */
export const USUAL_POLICY: TokenPolicy = { maxLifetimeSeconds: YEAR_SECONDS, mayLackExpiry: false };

export interface AskedEnd {
  /** RFC 3339. */
  readonly expiresAt: string | undefined;
  readonly policy: TokenPolicy | undefined;
  /** Seconds. */
  readonly now: number;
}

/** Returns when it ends, in seconds and rounded down; null: never. Throws `ProblemsError`. */
export function endOf({ expiresAt, policy = USUAL_POLICY, now }: AskedEnd): number | null {
  if (expiresAt === undefined && policy.mayLackExpiry) return null;
  const end = expiresAt === undefined ? undefined : Math.floor(Date.parse(expiresAt) / 1000);
  const problem = problemOf(end, policy, now);
  if (problem !== undefined) throw new ProblemsError([problem]);
  return end!;
}

function problemOf(
  end: number | undefined,
  { maxLifetimeSeconds }: TokenPolicy,
  now: number,
): Problem | undefined {
  const latest = now + maxLifetimeSeconds;
  const remedy = `Give a time until ${new Date(latest * 1000).toISOString()}.`;
  if (end === undefined) return problem(`Found nothing, and every token has an end here. ${remedy}`);
  if (end <= now) return problem(`Found a time that is over. ${remedy}`);
  return end > latest
    ? problem(`Found a time that is further off than the policy lets it be. ${remedy}`)
    : undefined;
}

const problem = (message: string): Problem => ({ field: "expiresAt", message });
