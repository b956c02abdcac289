import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { ClockBounds } from "../replica/issuer-clock.ts";
import type { RevocationIndex } from "../revocation-index.ts";
import { ahead, ControlWriter, controlMemory, NO_LEASE, type SharedLease } from "./control.ts";
import { IndexDescriber } from "./index-describer.ts";
import { FOLLOWED, type IndexOrigin, LOSSES, PROGRESS_WORDS, type PublishedMessage } from "./messages.ts";

/** What a reading thread starts from: give it as `workerData` or in a message, with `port` in the transfer list. */
export interface ReaderInit {
  readonly port: MessagePort;
  readonly control: SharedArrayBuffer;
  /** Where the reader notes what it has followed, and the writer that it has given it up. */
  readonly progress: SharedArrayBuffer;
}

interface Reader {
  readonly port: MessagePort;
  readonly progress: Uint32Array;
  /** It was sent so much that it has not followed that nothing more is kept for it; it asks when it notices. */
  lost: boolean;
  /** Which publication, counted from the first, was the last index that was sent to it. */
  indexAt: number;
}

/** A thread that has not followed so many messages does something else for long: they must not pile up. */
const MAX_UNREAD = 1024;
const MIN_CHANGE_MS = 1;

const isAlike = (one: ClockBounds, other: ClockBounds): boolean =>
  one === other || (one.fromMs === other.fromMs && one.toMs === other.toMs);

/**
 * Tells readers what they cannot see in the tables. The order is everything: records go into the tables, messages into
 * the readers' ports, and then the number of the publication into the word that every verdict begins with. A reader
 * that finds a number greater than its own finds the messages in its port.
 */
export class Publisher {
  readonly #memory = controlMemory();
  readonly #control = new ControlWriter(this.#memory);
  readonly #readers = new Set<Reader>();
  #describer: IndexDescriber | undefined;
  #origin: IndexOrigin | undefined;
  #lease: SharedLease = NO_LEASE;
  /** Publications so far: their numbers go round, this does not. */
  #publications = 0;

  get readers(): number {
    return this.#readers.size;
  }

  /** Gives all readers another index. */
  replace(index: RevocationIndex, hashKey: Uint8Array): void {
    const describer = new IndexDescriber(index, hashKey);
    this.#describer = describer;
    this.#origin = describer.origin;
    const publication = this.#control.nextPublication();
    this.#post({ type: "index", publication, origin: this.#origin, image: describer.all() });
    this.#publications++;
    this.#control.publish(publication);
  }

  /** Publishes what changed: when it returns, every verdict that begins from now on sees what is in the index. */
  publish(): void {
    const image = this.#describer?.changes();
    let { publication } = this.#control;
    if (image !== undefined) {
      publication = this.#control.nextPublication();
      this.#post({ type: "changes", publication, image });
      this.#publications++;
    }
    this.#control.publish(publication);
  }

  grant(lease: SharedLease): void {
    const before = this.#lease;
    const younger = lease.askedAt - before.askedAt;
    // Told several times of the same one; the older is the one to keep.
    const isSame = lease.leaseMs === before.leaseMs && younger >= 0 && younger < MIN_CHANGE_MS;
    if (isSame && isAlike(lease.clock, before.clock)) return;
    this.#lease = lease;
    this.#control.grant(lease);
    if (Number.isFinite(lease.askedAt) && !Number.isFinite(before.askedAt))
      this.#post({ type: "lease", publication: this.#control.publication });
  }

  attach(): ReaderInit {
    const { port1, port2 } = new MessageChannel();
    const progress = new SharedArrayBuffer(PROGRESS_WORDS * Uint32Array.BYTES_PER_ELEMENT);
    const reader: Reader = { port: port1, progress: new Uint32Array(progress), lost: false, indexAt: 0 };
    port1.on("message", () => this.#sendAll(reader));
    port1.on("close", () => this.#readers.delete(reader));
    port1.unref();
    this.#sendAll(reader);
    this.#readers.add(reader);
    return { port: port2, control: this.#memory, progress };
  }

  close(): void {
    for (const { port } of this.#readers) port.close();
    this.#readers.clear();
  }

  /** What changed since the last publication goes to the others first: after this it would count as told. */
  #sendAll(reader: Reader): void {
    this.publish();
    const { publication } = this.#control;
    const image = this.#describer?.all();
    const makesUpFor = Atomics.load(reader.progress, LOSSES);
    reader.lost = false;
    Atomics.store(reader.progress, FOLLOWED, publication);
    reader.port.postMessage(
      image === undefined || this.#origin === undefined
        ? ({ type: "nothing", publication, makesUpFor } satisfies PublishedMessage)
        : ({
            type: "index",
            publication,
            origin: this.#origin,
            image,
            makesUpFor,
          } satisfies PublishedMessage),
    );
  }

  #post(message: PublishedMessage): void {
    for (const reader of this.#readers) {
      if (!reader.lost && this.#isTooMuch(reader, message)) {
        reader.lost = true;
        // Before the publication: the number alone would look right again to whoever stands still while it goes round.
        Atomics.add(reader.progress, LOSSES, 1);
      }
      if (reader.lost) continue;
      if (message.type === "index") reader.indexAt = this.#publications + 1;
      reader.port.postMessage(message);
    }
  }

  /** Returns whether a reader has too much unread. A whole index is large: a second one is not kept for it. */
  #isTooMuch({ progress, indexAt }: Reader, { type }: PublishedMessage): boolean {
    const unread = ahead(this.#control.publication, Atomics.load(progress, FOLLOWED));
    return unread >= MAX_UNREAD || (type === "index" && indexAt > this.#publications - unread);
  }
}
