import type { ConnectedGuard, GuardCounters } from "@portcullis/guard";
import type { ClockReport } from "@portcullis/protocol";
import type { Buffers } from "../upstreams/buffers.ts";
import type { Upstreams, UpstreamUse } from "../upstreams/upstreams.ts";
import type { Counters } from "./counters.ts";

/** What `/status` says; `/metrics` says the same in another form. */
export interface Status {
  readonly ready: boolean;
  readonly draining: boolean;
  readonly replica: {
    readonly name: string;
    readonly state: string;
    /** Newest record applied. */
    readonly applied: number;
    readonly incarnation: string | null;
    /** Since the list was last confirmed to be complete; null: never. */
    readonly ageMs: number | null;
    readonly leaseMs: number;
    /** This machine's wall clock against the issuer's; null: the issuer's time is not known. */
    readonly clock: ClockReport | null;
  };
  readonly decisions: GuardCounters;
  /** What the issuer was asked about tokens. */
  readonly introspection: NonNullable<ConnectedGuard["introspection"]> | null;
  readonly requests: ReturnType<Counters["requests"]>;
  readonly refusals: ReturnType<Counters["refusals"]>;
  /** Of each service: connections in use, and requests that wait for one. */
  readonly upstreams: readonly UpstreamUse[];
  /** Memory for bodies that wait here. */
  readonly bufferedBytes: number;
  /** Since the process started, because nobody read the log fast enough. */
  readonly logLinesDropped: number;
}

export interface StatusSources {
  readonly guard: Pick<ConnectedGuard, "replica" | "counters" | "introspection">;
  readonly counters: Counters;
  readonly upstreams: Pick<Upstreams, "inUse">;
  readonly buffers: Pick<Buffers, "bytes">;
  /** Keys and a confirmed list are there. */
  readonly isReady: () => boolean;
  readonly isDraining: () => boolean;
  readonly droppedLogLines: () => number;
}

export function readStatus(sources: StatusSources): Status {
  const { guard, counters, upstreams, buffers, isReady, isDraining, droppedLogLines } = sources;
  const { replica } = guard;
  const { ageMs } = replica.freshness();
  const { allowed, unconfirmed, killed, stale, unavailable, refusedByClock, rejected } = guard.counters;
  return {
    ready: isReady() && !isDraining(),
    draining: isDraining(),
    replica: {
      name: replica.name,
      state: replica.state,
      applied: replica.applied,
      incarnation: replica.incarnation ?? null,
      ageMs: Number.isFinite(ageMs) ? Math.round(ageMs) : null,
      leaseMs: replica.leaseMs,
      clock: replica.clock() ?? null,
    },
    decisions: { allowed, unconfirmed, killed, stale, unavailable, refusedByClock, rejected },
    introspection: guard.introspection === undefined ? null : { ...guard.introspection },
    requests: counters.requests(),
    refusals: counters.refusals(),
    upstreams: upstreams.inUse(),
    bufferedBytes: buffers.bytes,
    logLinesDropped: droppedLogLines(),
  };
}
