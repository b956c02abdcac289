import { RevocationIndex, type RevocationView } from "@portcullis/revocation";
import type { SqlRevocationLog } from "./sql-revocation-log.ts";

/**
 * The log as this server itself sees it: a record is in the index before the write that made it resolves, so
 * it is always fresh and its lease never ends.
 */
export interface LocalRevocations extends RevocationView {
  statistics(): { membership: number; cutoffs: number; bytes: number };
}

export async function loadLocalRevocations(options: {
  readonly log: SqlRevocationLog;
  readonly nowSeconds: () => number;
}): Promise<LocalRevocations> {
  const { log } = options;
  const index = new RevocationIndex({
    tokenLifetimeSeconds: log.tokenLifetimeSeconds,
    clockSkewSeconds: log.clockSkewSeconds,
    nowSeconds: options.nowSeconds,
  });
  // Subscribed before the load: what is committed meanwhile is applied at once, and order does not matter.
  log.subscribe((records) => {
    for (const record of records) index.apply(record);
  });
  for await (const slice of log.liveRecords(log.head())) index.applyEncoded(slice);
  return viewOf(index, log);
}

function viewOf(index: RevocationIndex, log: SqlRevocationLog): LocalRevocations {
  const { keySpace } = log;
  return {
    leaseMs: Number.POSITIVE_INFINITY,
    coordinatesOf: (claims, header) => keySpace.coordinatesOf(claims, header),
    verdict: (at) =>
      index.verdict(at.keySpace === keySpace ? at : keySpace.coordinatesOf(at.claims, at.header)),
    freshness: () => ({ ready: true, ageMs: 0 }),
    statistics: () => index.statistics(),
  };
}
