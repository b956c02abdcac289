import type { Clock, LeaseRequest, LeaseResponse, Log } from "@portcullis/protocol";
import { ackIntervalFor } from "./ack-interval.ts";
import { isElsewhere, showsMore } from "./contradiction.ts";
import { feedError } from "./errors.ts";
import { ExclusiveLeases, type ExclusiveLeasesOptions } from "./exclusive-leases.ts";
import { hashOfSecret } from "./hash-of-secret.ts";
import type { HeadSigner } from "./head-signer.ts";
import type { Entering, LeaseBook } from "./lease-book.ts";
import { keyOfLeaseHolder, type LeaseHolder } from "./lease-table.ts";
import { DEFAULT_LEASE_TERMS, grantedMs, type LeaseTerms } from "./lease-terms.ts";
import { NameAllowance } from "./name-allowance.ts";
import type { ServedLog } from "./served-log.ts";

interface LeaseDeskOptions {
  readonly log: ServedLog;
  /** Gives the issuer's word on the head that an answer names. Default: nobody does. */
  readonly signer?: HeadSigner | undefined;
  readonly leases: LeaseBook;
  /** Default: `DEFAULT_LEASE_TERMS`. */
  readonly terms?: LeaseTerms | undefined;
  /** The clock that dates tokens and revocations: verifiers compare theirs with it. */
  readonly clock: Pick<Clock, "wallMs">;
  /** A verifier holds, or shows the issuer's word on, what the log does not hold: revocations may have been lost. */
  readonly onAheadOfHead?: ((claim: AheadOfHead) => Promise<void>) | undefined;
  /** Whether an operator has suspended it. Default: nobody is. */
  readonly isSuspended?: ((holder: LeaseHolder) => boolean) | undefined;
  readonly operatorLog: Pick<Log, "warn">;
}

export interface AheadOfHead {
  readonly holder: LeaseHolder;
  readonly applied: number;
  /** What the issuer itself said, if the verifier has it: without it this is only the word of a client. */
  readonly signedHead?: string;
}

interface LeaseCall {
  /** The authenticated client: a lease is bound to it, so that nobody acknowledges for another. */
  readonly clientId: string;
  /** Where the call came from. */
  readonly address?: string | undefined;
  readonly request: LeaseRequest;
  /** Monotonic, when the request had arrived. */
  readonly receivedAt: number;
}

/** Gives, renews and takes back leases: decides who gets one, and which head the answer names. */
export class LeaseDesk {
  readonly counters = { carriersRefused: 0 };
  readonly #options: LeaseDeskOptions;
  readonly #terms: LeaseTerms;
  readonly #allowance: NameAllowance;
  /** New lease holders whose name is on its way to disk. They count already: many at once must not pass the limit. */
  readonly #entering = new Map<string, LeaseHolder>();

  /** For a process that is alone with its log. */
  static async open(options: Omit<LeaseDeskOptions, "leases"> & ExclusiveLeasesOptions): Promise<LeaseDesk> {
    const { log, signer, terms, clock, onAheadOfHead, isSuspended, operatorLog, directory, table } = options;
    const leases = await ExclusiveLeases.open({ directory, table, operatorLog });
    return new LeaseDesk({ log, signer, leases, terms, clock, onAheadOfHead, isSuspended, operatorLog });
  }

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
    this.#terms = options.terms ?? DEFAULT_LEASE_TERMS;
    this.#allowance = new NameAllowance(this.#terms);
  }

  async call({ clientId, address, request, receivedAt }: LeaseCall): Promise<LeaseResponse> {
    const { leases, log, signer, clock: ownClock } = this.#options;
    const holder = { clientId, name: request.replica };
    const secretHash = hashOfSecret(request.secret);
    if (request.leaseMs === 0) return this.#release(holder, secretHash);
    const leaseMs = grantedMs(this.#terms, request.leaseMs);
    if (this.#options.isSuspended?.(holder)) throw feedError("verifier_suspended");
    await this.#checkFollowsThisLog(holder, request);
    const isNew = !leases.has(keyOfLeaseHolder(holder));
    // Before anything of the call counts: a name too many acknowledges nothing, however often it calls.
    if (isNew) this.#admit(holder, receivedAt);
    // Nor does another process of that credential acknowledge for it.
    else if (leases.isHeldBy(holder, secretHash)) leases.acknowledge(holder, request);
    this.#noteRefused(holder, request);
    const granted = await this.#enter({ holder, secretHash, address, leaseMs, isNew }, async () => {
      await log.refresh();
      // The log may have become another one meanwhile: what was applied of the former is no acknowledgement.
      if (request.incarnation !== log.incarnation) throw feedError("other_incarnation");
      leases.acknowledge(holder, request);
      // From here to the answer is one turn: this process commits nothing between the reading of the head and the grant.
      const head = log.head();
      const { applied, chain, live, clock } = request;
      leases.grant(holder, { secretHash, address, applied, head, receivedAt, leaseMs, chain, live, clock });
      const nowMs = ownClock.wallMs();
      // Begun in this turn: it is the word on this head, in this incarnation.
      const signed = signer?.signRecently(log.incarnation, log.position());
      const answer = {
        incarnation: log.incarnation,
        head,
        leaseMs,
        ...ackIntervalFor(leases.count),
        issuerTime: { earliestMs: nowMs, latestMs: nowMs },
      };
      return { answer, signed };
    });
    const signedHead = await granted.signed;
    return { ...granted.answer, ...(signedHead && { signedHead }) };
  }

  /** Only its word: a verifier that lies can fill the log, as by many other calls, and change nothing. */
  #noteRefused(holder: LeaseHolder, { refused }: LeaseRequest): void {
    if (refused === undefined) return;
    this.counters.carriersRefused++;
    this.#options.operatorLog.warn({ event: "carrier_refused", ...holder, ...refused });
  }

  sweep(): Promise<void> {
    return this.#options.leases.sweep();
  }

  async #release(holder: LeaseHolder, secretHash: string): Promise<LeaseResponse> {
    const { leases, log } = this.#options;
    await leases.release(holder, secretHash);
    return { incarnation: log.incarnation, head: log.head(), leaseMs: 0 };
  }

  async #checkFollowsThisLog(holder: LeaseHolder, request: LeaseRequest): Promise<void> {
    const { log, onAheadOfHead, operatorLog } = this.#options;
    const { applied, signedHead } = request;
    // It may have heard from another server what this one has yet to hear.
    if (isElsewhere(request, log) || showsMore(request, log)) await log.refresh();
    if (isElsewhere(request, log) || showsMore(request, log)) {
      await onAheadOfHead?.({ holder, applied, ...(signedHead === undefined ? {} : { signedHead }) });
    }
    if (request.incarnation !== log.incarnation) throw feedError("other_incarnation");
    // Only its word, or the log would be another one by now. It must take a new snapshot all the same.
    if (!isElsewhere(request, log)) return;
    operatorLog.warn({ event: "verifier_ahead_of_log", ...holder, applied, head: log.head() });
    throw feedError("ahead_of_head");
  }

  /** Throws `too_many_leases`. From here the name counts. */
  #admit(holder: LeaseHolder, receivedAt: number): void {
    const key = keyOfLeaseHolder(holder);
    if (this.#entering.has(key)) return;
    const entering = [...this.#entering.values()].filter(({ clientId }) => clientId === holder.clientId);
    const taken = this.#options.leases.namesOf(holder.clientId) + entering.length;
    this.#allowance.take(holder.clientId, { taken, now: receivedAt });
    this.#entering.set(key, holder);
  }

  async #enter<T>(
    { holder, secretHash, address, leaseMs, isNew }: Omit<Entering, "head"> & { readonly isNew: boolean },
    grant: () => Promise<T>,
  ): Promise<T> {
    const { leases, log } = this.#options;
    try {
      // Whoever comes now did not stand at what other servers have committed already.
      if (isNew) await log.refresh();
      return await leases.enter({ holder, secretHash, address, leaseMs, head: log.head() }, grant);
    } finally {
      this.#entering.delete(keyOfLeaseHolder(holder));
    }
  }
}
