import { LeaseDesk, type ServedLog } from "@portcullis/feed-server";
import { type LeaseRequest, type LeaseResponse, type Receipt, silentLog } from "@portcullis/protocol";
import type { Bus, BusMessage } from "../../../src/revocations/many-servers/bus.ts";
import { SharedLeases } from "../../../src/revocations/many-servers/shared-leases.ts";
import { type ClosableReceipts, createReceipts } from "../../../src/revocations/receipts/receipts.ts";
import type { SharedDatabase } from "./shared-database.ts";
import type { World } from "./world.ts";

const SWEEP_MS = 1000;

/** One server: the real desk, leases and receipts, on a database and a bus that others share. */
export class SimulatedServer {
  readonly #world: World;
  readonly #database: SharedDatabase;
  readonly #offset: number;
  readonly #logListeners = new Set<() => void>();
  readonly #busListeners = new Set<(message: BusMessage) => void>();
  readonly #peers: readonly SimulatedServer[];
  #head: number;
  #pausedUntil = 0;
  #leases: SharedLeases;
  #desk: LeaseDesk;
  #receipts: ClosableReceipts;
  isDead = false;
  busWorks = true;
  databaseAnswers = true;

  constructor(world: World, database: SharedDatabase, peers: readonly SimulatedServer[]) {
    this.#world = world;
    this.#database = database;
    this.#peers = peers;
    this.#offset = world.random() * 1e6;
    this.#head = database.head;
    const clock = { wallMs: () => world.now, monotonicMs: this.monotonicMs };
    const { setTimer } = this;
    this.#leases = new SharedLeases({
      directory: {
        all: () => this.#ask(() => database.all()),
        find: (holders) => this.#ask(() => database.find(holders)),
        write: (change) => this.#ask(() => database.write(change)),
      },
      bus: this.#bus(),
      log: this.#log(),
      clock,
      setTimer,
      operatorLog: silentLog,
    });
    this.#desk = new LeaseDesk({
      log: this.#log() as unknown as ServedLog,
      leases: this.#leases,
      clock,
      operatorLog: silentLog,
    });
    this.#receipts = createReceipts({
      leases: this.#leases,
      head: () => this.#head,
      refresh: async () => this.#head,
      clock,
      setTimer,
    });
    void this.#leases.open();
    this.#sweepLater();
  }

  readonly monotonicMs = (): number => this.#world.now + this.#offset;

  readonly setTimer = (work: () => void, delayMs: number): (() => void) =>
    this.#world.after(delayMs, () => this.#whenAwake(work));

  pause(ms: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, this.#world.now + ms);
  }

  /** The request has arrived; it is read when the process runs. */
  lease(request: LeaseRequest, answered: (response: LeaseResponse) => void): void {
    this.#whenAwake(() => {
      this.#desk.call({ clientId: "gateway", request, receivedAt: this.monotonicMs() }).then(
        (response) => this.#whenAwake(() => answered(response)),
        () => undefined,
      );
    });
  }

  /** Commits, and asks for the receipt. */
  revoke(waitMs: number, receipt: (receipt: Receipt) => void): void {
    this.#whenAwake(() => {
      void this.#ask(() => this.#database.append()).then((seq) => {
        this.#learn(seq);
        return this.#receipts.wait(seq, waitMs).then(receipt);
      }, ignore);
    });
  }

  /** Of a revocation of any age, whoever made it. */
  status(seq: number, receipt: (receipt: Receipt) => void): void {
    this.#whenAwake(() => {
      void this.#refresh().then(() => this.#receipts.wait(seq, 0).then(receipt), ignore);
    });
  }

  #whenAwake(work: () => void): void {
    if (this.isDead) return;
    const waitMs = this.#pausedUntil - this.#world.now;
    if (waitMs > 0) this.#world.after(waitMs, () => this.#whenAwake(work));
    else work();
  }

  /** A question takes time to get there, and its answer to come back. */
  #ask<T>(run: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#world.after(this.#world.delay(), () => {
        if (!this.databaseAnswers) {
          this.#world.after(this.#world.delay(), () =>
            this.#whenAwake(() => reject(new Error("no database"))),
          );
          return;
        }
        const answer = run();
        this.#world.after(this.#world.delay(), () => this.#whenAwake(() => resolve(answer)));
      });
    });
  }

  async #refresh(): Promise<number> {
    this.#learn(await this.#ask(() => this.#database.head));
    return this.#head;
  }

  #learn(head: number): void {
    if (head <= this.#head) return;
    this.#head = head;
    for (const listener of this.#logListeners) listener();
  }

  #log() {
    const head = () => this.#head;
    return {
      incarnation: this.#database.incarnation,
      head,
      position: () => ({ seq: head(), chain: new Uint8Array(32) }),
      refresh: () => this.#refresh(),
      subscribe: (listener: () => void) => {
        this.#logListeners.add(listener);
        return () => this.#logListeners.delete(listener);
      },
      onIncarnation: () => () => undefined,
    };
  }

  #bus(): Bus {
    return {
      publish: (message) => {
        for (const peer of this.#peers) {
          if (peer !== this && this.busWorks && !this.#world.chance(0.2)) peer.#deliver(message);
        }
      },
      subscribe: (listener) => {
        this.#busListeners.add(listener);
        return () => this.#busListeners.delete(listener);
      },
      onResume: () => () => undefined,
      close: async () => undefined,
    };
  }

  #deliver(message: BusMessage): void {
    this.#world.after(this.#world.delay() * 5, () =>
      this.#whenAwake(() => {
        for (const listener of this.#busListeners) listener(message);
      }),
    );
  }

  #sweepLater(): void {
    this.setTimer(() => {
      void this.#leases.sweep().then(() => this.#sweepLater());
    }, SWEEP_MS);
  }
}

const ignore = (): void => undefined;
