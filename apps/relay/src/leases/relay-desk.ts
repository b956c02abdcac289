import {
  ackIntervalFor,
  countedFor,
  feedError,
  hashOfSecret,
  keyOfLeaseHolder,
  type LeaseDesk,
  type LeaseHolder,
  type LeaseTable,
} from "@portcullis/feed-server";
import type { Clock, IssuerTime, LeaseRequest, LeaseResponse } from "@portcullis/protocol";
import { relayError } from "../errors.ts";
import { type OwnRight, passOnLease } from "./pass-on-lease.ts";

interface RelayDeskOptions {
  readonly table: LeaseTable;
  /** The log that is served; undefined before the first snapshot. */
  readonly log: () => { readonly incarnation: string; head(): number } | undefined;
  /** Of the relay's own replica, at the call. */
  readonly own: () => OwnRight;
  /** The issuer's word by which that was given. */
  readonly signedHead: () => string | undefined;
  /** The issuer's, as the relay knows it from above: never the relay's own clock. */
  readonly issuerTime: () => IssuerTime | undefined;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly leasesPerClient: number;
  /** Asks the feed above, now. */
  readonly renew: () => void;
}

type LeaseCall = Parameters<LeaseDesk["call"]>[0];

/** A claim to have seen another log than this one is put off for so long, and then begins anew. */
const CLAIM_KEPT_MS = 60_000;

/**
 * Gives leases out of the relay's own. Who holds them is not on disk: a relay that is gone cannot come back as the same
 * replica, and whoever is above waits for the lease that it had, which ends after all that it gave.
 */
export class RelayDesk {
  readonly #options: RelayDeskOptions;
  readonly #holders = new Map<string, Set<string>>();
  /** Since when a lease holder has known more than this relay does; monotonic. */
  readonly #claims = new Map<string, number>();
  #stopping = false;

  constructor(options: RelayDeskOptions) {
    this.#options = options;
  }

  async call(call: LeaseCall): Promise<LeaseResponse> {
    return this.answer(call);
  }

  /** In one turn: nothing is applied between the head that is read, the right that is read, and the grant. */
  answer({ clientId, request, receivedAt }: LeaseCall): LeaseResponse {
    const { table, log: logNow, own } = this.#options;
    const holder = { clientId, name: request.replica };
    const log = logNow();
    if (log === undefined) throw relayError("relay_not_fresh");
    const secretHash = hashOfSecret(request.secret);
    if (table.isOfAnother(holder, secretHash)) throw feedError("lease_of_another_process");
    if (request.leaseMs === 0) return this.#release(holder, log);
    this.#checkFollowsThisLog(holder, request, log);
    const right = this.#stopping ? undefined : passOnLease(own(), request.leaseMs);
    const head = log.head();
    const { applied } = request;
    if (right === undefined) {
      // What it says of itself is true all the same, and a receipt may be waiting for it.
      if (table.has(keyOfLeaseHolder(holder)))
        table.grant(holder, { secretHash, applied, head, receivedAt, leaseMs: 0 });
      throw relayError(this.#stopping ? "relay_stopping" : "relay_not_fresh");
    }
    this.#admit(holder);
    table.grant(holder, { secretHash, applied, head, receivedAt, leaseMs: countedFor(right.leaseMs) });
    const issuerTime = this.#options.issuerTime();
    const signedHead = this.#options.signedHead();
    return {
      incarnation: log.incarnation,
      head,
      ...right,
      ...ackIntervalFor(table.count),
      ...(issuerTime && { issuerTime }),
      ...(signedHead && { signedHead }),
    };
  }

  /** From now on acknowledgements are heard and nobody is given more time. */
  stopGranting(): void {
    this.#stopping = true;
  }

  /** After another snapshot took the log's place: what was acknowledged may have been of another log. */
  presumeNothingApplied(): void {
    const { table, clock } = this.#options;
    const now = clock.monotonicMs();
    for (const { lease, until } of table.laggardsOf(Number.POSITIVE_INFINITY)) {
      table.presume(lease.holder, until - now, lease.secretHash);
    }
  }

  sweep(): void {
    const { table, clock } = this.#options;
    table.dropExpired();
    for (const [clientId, names] of this.#holders) {
      for (const name of names) if (!table.has(keyOfLeaseHolder({ clientId, name }))) names.delete(name);
      if (names.size === 0) this.#holders.delete(clientId);
    }
    const old = clock.monotonicMs() - CLAIM_KEPT_MS;
    for (const [key, since] of this.#claims) if (since < old) this.#claims.delete(key);
  }

  #release(holder: LeaseHolder, log: { readonly incarnation: string; head(): number }): LeaseResponse {
    this.#options.table.release(holder);
    this.#holders.get(holder.clientId)?.delete(holder.name);
    return { incarnation: log.incarnation, head: log.head(), leaseMs: 0 };
  }

  /**
   * It may know more from another relay, or from the issuer, than has arrived here. Telling it to take a snapshot would
   * send it back; so it waits until the relay has been confirmed by a call later than what it knows.
   */
  #checkFollowsThisLog(
    holder: LeaseHolder,
    request: LeaseRequest,
    log: { readonly incarnation: string; head(): number },
  ): void {
    const key = keyOfLeaseHolder(holder);
    const isOther = request.incarnation !== log.incarnation;
    if (!isOther && request.applied <= log.head()) {
      this.#claims.delete(key);
      return;
    }
    const now = this.#options.clock.monotonicMs();
    const since = this.#claims.get(key);
    if (since === undefined) this.#claims.set(key, now);
    if (since === undefined || now - this.#options.own().ageMs <= since) {
      this.#options.renew();
      throw relayError("relay_behind");
    }
    throw feedError(isOther ? "other_incarnation" : "ahead_of_head");
  }

  #admit({ clientId, name }: LeaseHolder): void {
    const names = this.#holders.get(clientId) ?? new Set();
    if (!names.has(name) && names.size >= this.#options.leasesPerClient) throw feedError("too_many_leases");
    this.#holders.set(clientId, names.add(name));
  }
}
