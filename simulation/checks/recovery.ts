import type { Surroundings } from "../faults.ts";
import type { Workload } from "../workload.ts";
import { expectedOutcome, type History } from "./history.ts";
import { Violation } from "./violation.ts";

/** Once all faults are mended, everything works again by itself, and nothing is missing anywhere. */
export async function checkEnd(
  { server, verifiers }: Surroundings,
  history: History,
  workload: Workload,
): Promise<void> {
  const { life } = server;
  if (life === undefined) throw new Violation("the world recovers", "the server is down");
  const { log } = life.storage;
  const wrong = history.differenceFrom(await log.read(0, Number.MAX_SAFE_INTEGER), log.head());
  if (wrong !== undefined) throw new Violation("nothing acknowledged is lost", `in the end: ${wrong}`);
  const valid = history.tokens.filter((token) => token.claims.exp > history.nowSeconds + 2);
  for (const { life: verifier, options } of verifiers) {
    if (verifier === undefined) throw new Violation("the world recovers", `${options.name} is down`);
    const { state, applied } = verifier.replica;
    if (state !== "live" || applied !== history.head) {
      const detail = `${options.name} is ${state} with ${applied} of ${history.head} records`;
      throw new Violation("the world recovers", detail);
    }
    for (const token of valid) {
      const decision = workload.request(verifier, token);
      const isAllowed = decision.outcome === "allow";
      if (isAllowed === (expectedOutcome(token, applied) === "allow")) continue;
      throw new Violation(
        "the world recovers",
        `${options.name} answers wrongly: ${JSON.stringify(decision)}`,
      );
    }
  }
}
