import type { Clock, Reset, SetTimer } from "@portcullis/protocol";
import type { FeedCursor } from "@portcullis/revocation";
import type { EventStream } from "./event-stream.ts";
import { batchEvent, HEARTBEAT, resetEvent } from "./feed-events.ts";
import type { HeadSigner } from "./head-signer.ts";
import type { ChainedRecord, StreamedLog } from "./served-log.ts";

/** Records of one batch: about 50 KB on the wire. */
const BATCH_LIMIT = 1000;
/** Batches follow each other no faster, so that a burst of revocations does not become a burst of packets. */
const BATCH_INTERVAL_MS = 2;

interface FeedHubOptions {
  readonly log: StreamedLog;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  /** Default: heads go out unsigned. */
  readonly signer?: HeadSigner | undefined;
}

/** A verifier whose stream is open. A relay is one too. */
interface Verifier {
  readonly stream: EventStream;
  /** False once the token that opened the stream has expired or was revoked. */
  readonly mayFollow: () => boolean;
  /** Newest seq that was written to it. */
  position: number;
  /** Reads from SQL until it has reached what is sent live. */
  catchingUp: boolean;
}

/**
 * Sends the log to verifiers. A batch is made once and the same bytes go to every verifier. One that
 * joins reads from SQL up to the newest batch that was sent, and from then on gets what is sent: the step from
 * one to the other happens within a turn, so nothing falls between.
 */
export class FeedHub {
  readonly #options: FeedHubOptions;
  readonly #verifiers = new Set<Verifier>();
  #waiting: ChainedRecord[] = [];
  /** Newest seq that was sent live. */
  #sent: number;
  /** Of the log whose records are sent. */
  #incarnation: string;
  /** Newest seq that the log has told of. */
  #told: number;
  /** Grows when everybody had to begin anew: a batch that is being made is void then. */
  #beginnings = 0;
  #lastSentAt = Number.NEGATIVE_INFINITY;
  #scheduled = false;
  #closed = false;
  readonly #unsubscribe: () => void;

  constructor(options: FeedHubOptions) {
    this.#options = options;
    this.#sent = options.log.head();
    this.#told = this.#sent;
    this.#incarnation = options.log.incarnation;
    this.#unsubscribe = options.log.subscribe((records) => {
      this.#beginAnewUnlessAt(records[0]!.seq - 1);
      this.#told = records.at(-1)!.seq;
      for (const record of records) this.#waiting.push(record);
      this.#schedule();
    });
  }

  get size(): number {
    return this.#verifiers.size;
  }

  /** Never throws: a stream that cannot go on is ended, and its verifier comes back. */
  async follow(stream: EventStream, cursor: FeedCursor, mayFollow: () => boolean): Promise<void> {
    // One that came in while the server stops would keep it from stopping.
    if (this.#closed) return stream.destroy();
    this.#beginAnewUnlessAt(this.#options.log.head());
    const reset = this.#resetFor(cursor);
    if (reset !== undefined) {
      stream.end(resetEvent(reset));
      return;
    }
    const verifier = { stream, mayFollow, position: cursor.seq, catchingUp: false };
    this.#verifiers.add(verifier);
    stream.onClose(() => this.#verifiers.delete(verifier));
    await this.#catchUp(verifier);
  }

  /** Called every two seconds: tells verifiers that the line is alive, and ends streams whose right is over. */
  beat(): void {
    this.#beginAnewUnlessAt(this.#options.log.head());
    for (const { stream, mayFollow } of this.#verifiers) {
      if (mayFollow()) stream.write(HEARTBEAT);
      // One that reads nothing never gets to the end that it was sent: it is cut at the next beat.
      else if (stream.isOpen) stream.end();
      else stream.destroy();
    }
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe();
    for (const { stream } of this.#verifiers) stream.destroy();
    this.#verifiers.clear();
  }

  /**
   * Where the log is another one now, or has left out what was pruned before it came here, what waits is void, and
   * everybody needs a new snapshot. `seq` is where it goes on.
   */
  #beginAnewUnlessAt(seq: number): void {
    const { incarnation } = this.#options.log;
    const isSame = incarnation === this.#incarnation;
    if (isSame && seq === this.#told) return;
    this.#incarnation = incarnation;
    this.#waiting = [];
    this.#sent = seq;
    this.#told = seq;
    this.#beginnings++;
    const event = resetEvent({ incarnation, reason: isSame ? "too_old" : "other_incarnation" });
    for (const { stream } of this.#verifiers) stream.end(event);
    this.#verifiers.clear();
  }

  #resetFor(cursor: FeedCursor): Reset | undefined {
    const { log } = this.#options;
    const { incarnation } = log;
    if (cursor.incarnation !== incarnation) return { incarnation, reason: "other_incarnation" };
    if (cursor.seq > log.head()) return { incarnation, reason: "ahead_of_head" };
    if (cursor.seq + 1 < log.oldestKept()) return { incarnation, reason: "too_old" };
    return undefined;
  }

  async #catchUp(verifier: Verifier): Promise<void> {
    if (verifier.catchingUp) return;
    verifier.catchingUp = true;
    try {
      while (verifier.stream.isOpen && verifier.position < this.#sent) await this.#sendStored(verifier);
    } catch {
      // SQL could not be read. Its cursor is not lost: the verifier asks again.
      verifier.stream.destroy();
    }
    // In the same turn in which the position was seen to have reached what was sent.
    verifier.catchingUp = false;
  }

  async #sendStored(verifier: Verifier): Promise<void> {
    const { log } = this.#options;
    const { position, stream } = verifier;
    const isVoid = this.#voidness();
    const records = await log.read(position, Math.min(BATCH_LIMIT, this.#sent - position));
    if (records[0]?.seq !== position + 1) {
      // Pruned meanwhile.
      stream.end(resetEvent({ incarnation: log.incarnation, reason: "too_old" }));
      return;
    }
    const event = await this.#batch(position, records);
    // It gets its reset, and not the same batch again and again until the next beat.
    if (isVoid()) return this.#beginAnewUnlessAt(log.head());
    stream.write(event);
    verifier.position = records.at(-1)!.seq;
    await stream.drained();
  }

  /** The first after a quiet time goes out with the turn that made it; those that follow at once share a batch. */
  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    const sinceMs = this.#options.clock.monotonicMs() - this.#lastSentAt;
    if (sinceMs >= BATCH_INTERVAL_MS) setImmediate(() => void this.#send());
    else this.#options.setTimer(() => void this.#send(), BATCH_INTERVAL_MS);
  }

  /** Only one is under way at a time: a batch that is being signed is not overtaken by the next. */
  async #send(): Promise<void> {
    const records = this.#takeBatch();
    if (records.length > 0) await this.#sendLive(records);
    this.#scheduled = false;
    this.#schedule();
  }

  #takeBatch(): ChainedRecord[] {
    const most = this.#sent + Math.min(BATCH_LIMIT, this.#waiting.length);
    const end = this.#options.log.batchEnd?.(this.#sent, most) ?? most;
    return this.#waiting.splice(0, end - this.#sent);
  }

  async #sendLive(records: readonly ChainedRecord[]): Promise<void> {
    const prev = this.#sent;
    const to = records.at(-1)!.seq;
    const isVoid = this.#voidness();
    const event = await this.#batch(prev, records);
    if (isVoid()) return;
    // In one turn: who joins sees either what was sent before this batch or this batch as sent.
    this.#sent = to;
    this.#lastSentAt = this.#options.clock.monotonicMs();
    for (const verifier of this.#verifiers) this.#pass(verifier, { prev, to, event });
  }

  /** Asked later, says whether the log has become another one since. */
  #voidness(): () => boolean {
    const beginnings = this.#beginnings;
    const incarnation = this.#incarnation;
    return () => beginnings !== this.#beginnings || incarnation !== this.#options.log.incarnation;
  }

  async #batch(prev: number, records: readonly ChainedRecord[]): Promise<Buffer> {
    const incarnation = this.#incarnation;
    const signedHead = await this.#options.signer?.sign(incarnation, records.at(-1)!);
    return batchEvent({ incarnation, prev, records, signedHead });
  }

  #pass(verifier: Verifier, batch: { prev: number; to: number; event: Buffer }): void {
    // Its snapshot held the batch already, or the read from SQL that it is in will reach it.
    if (verifier.catchingUp || verifier.position >= batch.to) return;
    if (verifier.position === batch.prev) {
      verifier.stream.write(batch.event);
      verifier.position = batch.to;
      return;
    }
    // Its snapshot ends in the middle of the batch.
    void this.#catchUp(verifier);
  }
}
