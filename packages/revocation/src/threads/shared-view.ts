import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";
import type { Clock, RevocableClaims } from "@portcullis/protocol";
import { unlessAborted } from "@portcullis/protocol";
import { createKeySpace, type KeySpace, type TokenCoordinates } from "../coordinates.ts";
import { revocationError } from "../errors.ts";
import { deferred } from "../replica/deferred.ts";
import { isWithin } from "../replica/issuer-clock.ts";
import type { Verdict } from "../verdict.ts";
import type { RevocationView, ViewFreshness } from "../view.ts";
import { ahead, ControlReader, leaseNumberOf, NO_LEASE, publicationOf } from "./control.ts";
import {
  FOLLOWED,
  type IndexImage,
  type IndexOrigin,
  LOSSES,
  type PublishedMessage,
  SEND_ALL,
} from "./messages.ts";
import type { ReaderInit } from "./publisher.ts";
import { SharedIndex } from "./shared-index.ts";
import { threadClock } from "./thread-clock.ts";

export interface SharedView extends RevocationView {
  /** Resolves when there is an index and a lease in force. Whoever waits keeps the thread alive; else a view does not. */
  whenReady(signal?: AbortSignal): Promise<void>;
  /** Lets go of all memory of the index; the writer forgets this reader. */
  close(): void;
}

export interface AttachOptions {
  /** The writer's clock. */
  readonly clock?: Clock | undefined;
}

/** Returns the view of the thread that reads, from what `attach()` gave in the one that runs the replica. */
export function attachToReplica(init: ReaderInit, options: AttachOptions = {}): SharedView {
  return new AttachedView(init, options.clock ?? threadClock);
}

interface Holding {
  readonly index: SharedIndex;
  readonly keySpace: KeySpace;
  readonly hashKey: Uint8Array;
}

/** Instead of the number of a lease: none holds, and: no verdict has read one. */
const NONE = -1;
const NOT_READ = -2;

class AttachedView implements SharedView {
  readonly #port: MessagePort;
  readonly #control: ControlReader;
  readonly #progress: Uint32Array;
  readonly #clock: Clock;
  readonly #ready = deferred();
  #holding: Holding | undefined;
  #publication: number;
  /** Behind, with nothing to read: what it allows is worth nothing until the writer has sent everything anew. */
  #lost = false;
  /** How often the writer had given this reader up when it sent everything anew. */
  #madeUpFor = 0;
  #closed = false;
  #waiting = 0;
  /**
   * Read before the verdict and kept for the question how fresh it is. One that came into force in between may rest on
   * records that the verdict did not see: the writer does not wait for this thread, which may be stopped just there.
   */
  #leaseOfVerdict = NOT_READ;
  #leaseMs: number | undefined;

  constructor(init: ReaderInit, clock: Clock) {
    this.#port = init.port;
    this.#control = new ControlReader(init.control);
    this.#progress = new Uint32Array(init.progress);
    this.#clock = clock;
    // One behind what the first message, which lies in the port, brings.
    this.#publication = (Atomics.load(this.#progress, FOLLOWED) - 1) & 0xffff;
    this.#ready.promise.catch(() => {});
    this.#port.on("message", (message: PublishedMessage) => {
      this.#follow(message);
      // Whoever was given up asks now, and not when the first verdict is wanted.
      this.#look();
    });
    this.#port.on("close", () => this.#end());
    this.#port.unref();
  }

  get leaseMs(): number {
    return this.#leaseMs ?? this.#control.lease(leaseNumberOf(this.#control.state())).leaseMs;
  }

  async whenReady(signal?: AbortSignal): Promise<void> {
    const { promise } = this.#ready;
    this.#look();
    this.#settle();
    this.#waiting++;
    this.#port.ref();
    try {
      await (signal === undefined ? promise : unlessAborted(promise, signal));
    } finally {
      if (--this.#waiting === 0) this.#port.unref();
    }
  }

  coordinatesOf(claims: RevocableClaims, header: { kid?: string }): TokenCoordinates {
    this.#look();
    return this.#held().keySpace.coordinatesOf(claims, header);
  }

  verdict(at: TokenCoordinates): Verdict {
    this.#leaseOfVerdict = this.#look();
    const { index, keySpace } = this.#held();
    return index.verdict(at.keySpace === keySpace ? at : keySpace.coordinatesOf(at.claims, at.header));
  }

  /** Returns the freshness; after a verdict, that of the verdict. */
  freshness(wallSeconds?: number): ViewFreshness {
    const number = this.#leaseOfVerdict === NOT_READ ? this.#look() : this.#leaseOfVerdict;
    this.#leaseOfVerdict = NOT_READ;
    const { askedAt, leaseMs, clock } = number === NONE ? NO_LEASE : this.#control.lease(number);
    this.#leaseMs = leaseMs;
    const ready = this.#holding !== undefined && !this.#closed;
    const now = this.#clock.monotonicMs();
    return {
      ready,
      ageMs: ready ? now - askedAt : Number.POSITIVE_INFINITY,
      isClockOff: wallSeconds !== undefined && !isWithin(wallSeconds * 1000 - now, clock),
    };
  }

  clockOffsetMs(wallSeconds: number): number | undefined {
    const { fromMs, toMs } = this.#control.lease(leaseNumberOf(this.#control.state())).clock;
    if (!Number.isFinite(fromMs) || !Number.isFinite(toMs)) return undefined;
    return Math.round(wallSeconds * 1000 - this.#clock.monotonicMs() - (fromMs + toMs) / 2);
  }

  close(): void {
    this.#port.close();
    this.#end();
    this.#holding = undefined;
  }

  /** Ends the view, since the writer is gone: denials hold on, and no lease comes any more. */
  #end(): void {
    this.#closed = true;
    this.#ready.reject(revocationError("replica_closed"));
  }

  #held(): Holding {
    if (this.#holding === undefined) throw revocationError("replica_not_ready");
    return this.#holding;
  }

  /** Takes everything that was published before this moment. Returns the number of the lease that was in force then. */
  #look(): number {
    const state = this.#control.state();
    const published = publicationOf(state);
    if (published !== this.#publication || this.#isGivenUp()) this.#catchUp(published);
    return this.#lost ? NONE : leaseNumberOf(state);
  }

  /** Read after the state, which was written after it. */
  #isGivenUp(): boolean {
    return this.#progress[LOSSES] !== this.#madeUpFor;
  }

  #catchUp(published: number): void {
    while (this.#isGivenUp() || ahead(published, this.#publication) > 0) {
      const received = this.#closed ? undefined : receiveMessageOnPort(this.#port);
      if (received === undefined) {
        if (!this.#lost) this.#port.postMessage(SEND_ALL);
        this.#lost = true;
        return;
      }
      this.#follow(received.message as PublishedMessage);
    }
  }

  #follow(message: PublishedMessage): void {
    if (message.type === "index") this.#replace(message.origin, message.image);
    if (message.type === "changes") this.#holding?.index.follow(message.image);
    if ("makesUpFor" in message) this.#madeUpFor = message.makesUpFor ?? this.#madeUpFor;
    if (message.type !== "lease") {
      this.#publication = message.publication;
      this.#lost = false;
      Atomics.store(this.#progress, FOLLOWED, message.publication);
    }
    this.#settle();
  }

  #replace(origin: IndexOrigin, image: IndexImage): void {
    const { hashKey } = origin;
    const held = this.#holding;
    const sameKey = held !== undefined && Buffer.compare(held.hashKey, hashKey) === 0;
    const index = new SharedIndex(origin);
    index.follow(image);
    this.#holding = { index, hashKey, keySpace: sameKey ? held.keySpace : createKeySpace(hashKey) };
  }

  #settle(): void {
    if (this.#holding === undefined) return;
    const { askedAt, leaseMs } = this.#control.lease(leaseNumberOf(this.#control.state()));
    if (this.#clock.monotonicMs() - askedAt <= leaseMs) this.#ready.resolve();
  }
}
