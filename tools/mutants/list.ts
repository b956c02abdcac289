/**
 * Mistakes that would break the promise and still look right, each as a change of the source. The suite must fail
 * with every one of them: a test that cannot tell them from the truth proves nothing.
 */
import { CARRIER_MUTANTS } from "./carriers.ts";
import { DOORS_MUTANTS } from "./doors.ts";
import { FAST_PATH_MUTANTS } from "./fast-path.ts";
import { INTROSPECTION_MUTANTS } from "./introspection.ts";
import { LEASE_MUTANTS } from "./leases.ts";
import { LOG_MUTANTS } from "./log-and-keys.ts";
import type { Mutant } from "./mutant.ts";
import { PEOPLE_MUTANTS } from "./people-and-apps.ts";
import { PROCESS_MUTANTS } from "./processes.ts";
import { REDIS_MUTANTS } from "./redis.ts";
import { TOKEN_MUTANTS } from "./tokens.ts";
import { VERIFIER_MUTANTS } from "./verifiers.ts";

export const MUTANTS: readonly Mutant[] = [
  ...VERIFIER_MUTANTS,
  ...CARRIER_MUTANTS,
  ...LEASE_MUTANTS,
  ...INTROSPECTION_MUTANTS,
  ...LOG_MUTANTS,
  ...PEOPLE_MUTANTS,
  ...DOORS_MUTANTS,
  ...TOKEN_MUTANTS,
  ...FAST_PATH_MUTANTS,
  ...PROCESS_MUTANTS,
  ...REDIS_MUTANTS,
];
