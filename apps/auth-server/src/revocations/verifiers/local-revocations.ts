import type { Clock, RevocableClaims } from "@portcullis/protocol";
import { RevocationIndex, type RevocationView, type TokenCoordinates } from "@portcullis/revocation";
import type { SqlRevocationLog } from "../../storage/log/sql-revocation-log.ts";

/**
 * The log as this server itself sees it: a record is in the index before the write that made it resolves, so
 * it is always fresh and its lease never ends.
 */
export interface LocalRevocations extends RevocationView {
  isKeyRevoked(kid: string): boolean;
  statistics(): { membership: number; cutoffs: number; bytes: number };
  /** Resolves when it reads nothing out of SQL any more. */
  settled(): Promise<void>;
}

export async function loadLocalRevocations(options: {
  readonly log: SqlRevocationLog;
  readonly clock: Clock;
}): Promise<LocalRevocations> {
  const { log } = options;
  const view = { index: emptyIndex(options) };
  // Subscribed before the load: what is committed meanwhile is applied at once, and order does not matter.
  log.subscribe((records) => {
    for (const record of records) view.index.apply(record);
  });
  let rebuilt: Promise<void> = Promise.resolve();
  log.onIncarnation(() => {
    rebuilt = rebuild(view, options);
  });
  await load(view.index, log);
  return { ...viewOf(view, log), settled: () => rebuilt };
}

interface IndexOptions {
  readonly log: SqlRevocationLog;
  readonly clock: Clock;
}

const emptyIndex = ({ log, clock }: IndexOptions): RevocationIndex =>
  new RevocationIndex({
    tokenLifetimeSeconds: log.tokenLifetimeSeconds,
    clockSkewSeconds: log.clockSkewSeconds,
    clock,
  });

async function load(index: RevocationIndex, log: SqlRevocationLog): Promise<void> {
  for await (const slice of log.liveRecords(log.head())) index.applyEncoded(slice);
}

/**
 * Tokens may live longer than the index was made for. What it holds stays in force until the new one is complete; should
 * that fail, the process ends rather than forget too early.
 */
async function rebuild(view: { index: RevocationIndex }, options: IndexOptions): Promise<void> {
  const index = emptyIndex(options);
  const stop = options.log.subscribe((records) => {
    for (const record of records) index.apply(record);
  });
  await load(index, options.log);
  stop();
  view.index = index;
}

/** Of which only the key can be revoked: its horizon is past every cutoff. */
const NO_TOKEN: RevocableClaims = { iss: "", iat: 0, exp: 0, rv: Number.MAX_SAFE_INTEGER };

function viewOf(view: { readonly index: RevocationIndex }, log: SqlRevocationLog) {
  const { keySpace } = log;
  const verdict = (at: TokenCoordinates) =>
    view.index.verdict(at.keySpace === keySpace ? at : keySpace.coordinatesOf(at.claims, at.header));
  return {
    leaseMs: Number.POSITIVE_INFINITY,
    coordinatesOf: (claims: RevocableClaims, header: { kid?: string }) =>
      keySpace.coordinatesOf(claims, header),
    verdict,
    isKeyRevoked: (kid: string) => verdict(keySpace.coordinatesOf(NO_TOKEN, { kid })).outcome !== "allow",
    freshness: () => ({ ready: true, ageMs: 0 }),
    statistics: () => view.index.statistics(),
  };
}
