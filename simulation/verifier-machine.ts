import type { Mutations } from "./checks/mutations.ts";
import type { SimulatedRedis } from "./redis/simulated-redis.ts";
import { VerifierLife } from "./verifier-life.ts";
import type { ServerDoor } from "./world/exchange.ts";
import type { Link } from "./world/link.ts";
import type { NodeClock } from "./world/node-clock.ts";
import { Process } from "./world/process.ts";
import type { Schedule } from "./world/schedule.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

export interface VerifierMachineOptions {
  readonly name: string;
  readonly clock: NodeClock;
  readonly link: Link;
  readonly door: ServerDoor;
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  readonly leaseMs: number;
  readonly mutations: Mutations;
  /** Absent: everything goes over HTTP, and no head is signed. */
  readonly redis: SimulatedRedis | undefined;
  readonly note: (line: string) => void;
}

/** The machine a verifier runs on. Every life of it has a name of its own, as leases demand. */
export class VerifierMachine {
  readonly options: VerifierMachineOptions;
  life: VerifierLife | undefined;
  #lives = 0;

  constructor(options: VerifierMachineOptions) {
    this.options = options;
  }

  start(): void {
    if (this.life !== undefined) return;
    const { name, clock, schedule, random, link, door, leaseMs, mutations, redis, note } = this.options;
    this.#lives++;
    const process = new Process({ name: `${name}.${this.#lives}`, clock, schedule, random, turns: 1 });
    const end = { link, process, door, schedule, random };
    this.life = new VerifierLife({ end, random, leaseMs, mutations, redis, note });
  }

  startAfter(ms: number): void {
    const { schedule, name } = this.options;
    schedule.plan({ at: schedule.now + ms, what: `${name} starts`, turns: 1, work: () => this.start() });
  }

  crash(silently: boolean): void {
    this.life?.crash(silently);
    this.life = undefined;
  }

  /** Gives its lease back, and ends a little later. */
  stop(): void {
    const { life } = this;
    if (life === undefined) return;
    life.end.process.after(0, "closes", () => {
      const gone = () => {
        if (this.life !== life) return;
        this.crash(false);
        this.startAfter(100);
      };
      void life.replica.close().then(gone);
    });
  }
}
