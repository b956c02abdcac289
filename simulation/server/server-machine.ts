import type { ChainedRecord, LogPosition } from "@portcullis/feed-server";
import type { History } from "../checks/history.ts";
import type { Mutations } from "../checks/mutations.ts";
import type { SimulatedRedis } from "../redis/simulated-redis.ts";
import type { ServerDoor } from "../world/exchange.ts";
import type { Link } from "../world/link.ts";
import type { NodeClock } from "../world/node-clock.ts";
import { Process } from "../world/process.ts";
import type { Schedule } from "../world/schedule.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import { LIFETIME_SECONDS, openDataFile } from "./data-file.ts";
import { ServerLife, signedHeadOf } from "./server-life.ts";
import { type Disk, slowStorage } from "./slow-storage.ts";

export interface ServerMachineOptions {
  readonly file: string;
  readonly clock: NodeClock;
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  readonly disk: Disk;
  readonly writableLimitBytes: number;
  readonly history: History;
  readonly mutations: Mutations;
  readonly redis: SimulatedRedis | undefined;
  readonly links: () => readonly Link[];
  readonly onViolation: (what: string) => void;
}

const CLOSING_MS = 20;

/** The machine that the authorization server runs on: its disk and clocks outlive the process. */
export class ServerMachine implements ServerDoor {
  readonly #options: ServerMachineOptions;
  life: ServerLife | undefined;
  #lives = 0;
  #lifetimeSeconds = LIFETIME_SECONDS;
  /** The dead process still holds the lock on the data. */
  #closing = false;
  #close = async (): Promise<void> => {};

  constructor(options: ServerMachineOptions) {
    this.#options = options;
  }

  get open(): ServerDoor["open"] {
    return this.life;
  }

  async start(): Promise<void> {
    const { schedule, clock, random, file, mutations } = this.#options;
    if (this.life !== undefined) return;
    if (this.#closing) return this.startAfter(CLOSING_MS);
    // A server has no way to know of a clock that is wrong from the start (retention-clock.ts).
    clock.setForward(0);
    this.#lives++;
    const process = new Process({ name: `server.${this.#lives}`, clock, schedule, random, turns: 6 });
    const seed = Math.floor(random.between(1, 2 ** 32));
    const stored = await openDataFile(file, { clock, lifetimeSeconds: this.#lifetimeSeconds, seed });
    this.#close = () => stored.close();
    const { redis } = this.#options;
    const { log } = stored;
    const sign = (position: LogPosition) => signedHeadOf(log, clock, position);
    redis?.begin({ incarnation: log.incarnation, sign }, await this.#compare(log));
    stored.log.subscribe((records) => {
      redis?.publish(records);
      const wrong = this.#options.history.commit(records);
      if (wrong !== undefined) this.#options.onViolation(wrong);
    });
    const server = mutations.server();
    const slow = slowStorage(stored, { process, random, disk: this.#options.disk });
    const storage = server.storage(slow, process);
    const { writableLimitBytes } = this.#options;
    this.life = await ServerLife.open({
      process,
      storage,
      writableLimitBytes,
      mutations: server,
      signsHeads: redis !== undefined,
    });
  }

  startAfter(ms: number): void {
    const { schedule } = this.#options;
    schedule.plan({ at: schedule.now + ms, what: "server starts", turns: 6, work: () => this.start() });
  }

  crash(): void {
    const { life } = this;
    if (life === undefined) return;
    life.process.kill();
    this.life = undefined;
    for (const link of this.#options.links()) link.cutAll();
    this.#closing = true;
    void this.#close().then(() => {
      this.#closing = false;
    });
  }

  /** A longer life of tokens, from the next start on: the log begins a new incarnation. */
  lengthenTokens(): void {
    this.#lifetimeSeconds++;
  }

  async #compare(log: ServerLife["storage"]["log"]): Promise<readonly ChainedRecord[]> {
    const { history, onViolation } = this.#options;
    const records = await log.read(0, Number.MAX_SAFE_INTEGER);
    const wrong = history.differenceFrom(records, log.head());
    if (wrong !== undefined) onViolation(`after a restart: ${wrong}`);
    return records;
  }

  /** At the end of a run. */
  async stop(): Promise<void> {
    this.crash();
    await this.#close().catch(() => {});
  }
}
