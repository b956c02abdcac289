import { keyOfLeaseHolder, type Lease, type LeaseHolder, type Leases } from "@portcullis/feed-server";
import type { Clock, VerifierStatus } from "@portcullis/protocol";
import type { Kysely } from "kysely";
import type { Database } from "../../storage/database.ts";
import type { SqlRevocationLog } from "../../storage/log/sql-revocation-log.ts";
import { Agreement } from "./agreement.ts";

/** Who follows the log, how far each has got, and whether it holds what the log holds. */
export interface Verifiers {
  /** Those that hold a lease, or may: the same on whichever server is asked, but for what was said a moment ago. */
  list(): Promise<VerifierStatus[]>;
  /** Returns when the lease that it holds has run out at the latest, RFC 3339; undefined when it holds none. */
  mayAllowUntil(holder: LeaseHolder): string | undefined;
}

export interface VerifiersOptions {
  readonly leases: Pick<Leases, "held" | "laggardsOf">;
  readonly log: SqlRevocationLog;
  readonly read: Kysely<Database>;
  readonly clock: Pick<Clock, "monotonicMs" | "wallMs">;
}

export function createVerifiers(options: VerifiersOptions): Verifiers {
  const agreement = new Agreement(options);
  return {
    async list() {
      const held = options.leases.held();
      const agrees = await agreement.of(held);
      return held.map((lease) => statusOf(lease, agrees.get(lease.key), options));
    },
    mayAllowUntil(holder) {
      const key = keyOfLeaseHolder(holder);
      const { wallMs, monotonicMs } = options.clock;
      const laggards = options.leases.laggardsOf(Number.POSITIVE_INFINITY);
      const until = laggards.find(({ lease }) => lease.key === key)?.until;
      if (until === undefined) return undefined;
      return new Date(Math.ceil(wallMs() + until - monotonicMs())).toISOString();
    },
  };
}

function statusOf(
  lease: Lease,
  agrees: boolean | undefined,
  { log, clock: { monotonicMs } }: VerifiersOptions,
): VerifierStatus {
  const { holder, address, applied, leaseMs, calledAt, chain, live, clock } = lease;
  return {
    name: holder.name,
    clientId: holder.clientId,
    applied,
    behind: Math.max(0, log.head() - applied),
    leaseMs,
    // Of a call to a server that has been restarted since we only know that it may still count.
    ageMs: calledAt === undefined ? leaseMs : Math.max(0, monotonicMs() - calledAt),
    ...(address === undefined ? {} : { address }),
    leased: true,
    ...(chain === undefined ? {} : { chain }),
    ...(live === undefined ? {} : { live: live.digest }),
    ...(agrees === undefined ? {} : { agrees }),
    ...(clock === undefined ? {} : { clock }),
  };
}
