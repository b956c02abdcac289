import { refuse } from "../answer.ts";
import type { Step } from "../exchange.ts";

/** Without a first list of revocations nothing is served, public routes included: a verifier that starts with
 * an empty list would let every revoked token through. */
export function requireReady(isReady: () => boolean): Step {
  const headers = ["retry-after", "1"];
  return () => (isReady() ? undefined : refuse("temporarily_unavailable", { headers }));
}
