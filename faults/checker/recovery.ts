import { until } from "@portcullis/testing/end-to-end";
import type { Bed } from "../bed/bed.ts";
import type { Workload } from "../workload/workload.ts";

/** Longer, and it has not recovered. */
const BOUND_MS = 30_000;

/**
 * From now until every gateway accepts a live token and a revocation made now is enforced. In milliseconds; undefined:
 * not within the bound.
 */
export async function measureRecovery(workload: Workload, bed: Bed): Promise<number | undefined> {
  const since = performance.now();
  try {
    await until(() => isWell(workload, bed), { what: "recovery", withinMs: BOUND_MS, everyMs: 50 });
    return performance.now() - since;
  } catch {
    return undefined;
  }
}

async function isWell({ requests, pool, doors, administrator }: Workload, bed: Bed): Promise<boolean> {
  const live = pool.steady()[0];
  if (live === undefined) return false;
  const statuses = await Promise.all(doors.map((door) => requests.ask(door, live, 2000)));
  if (!statuses.every((status) => status === 200)) return false;
  const receipt = await administrator.revoke({
    scope: "token",
    key: "nobody-has-this-one",
    mode: "kill",
    foreign: true,
  });
  return receipt?.state === "enforced" && receipt.acked >= bed.gateways.length;
}
