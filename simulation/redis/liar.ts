import type { Schedule } from "../world/schedule.ts";
import type { SeededRandom } from "../world/seeded-random.ts";
import { tellLie } from "./lies.ts";
import type { SimulatedRedis } from "./simulated-redis.ts";

export interface Liar {
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  /** Mean time between two lies. */
  readonly everyMs: number;
  readonly note: (line: string) => void;
  readonly isOver: () => boolean;
}

/** How often a publisher compares the stream with the log. */
const MEND_MS = 3000;

/** Lies until it is over, and a publisher that mends for ever. Somebody who keeps it away does so for a while. */
export function planLies(redis: SimulatedRedis, liar: Liar): void {
  const { schedule, random, everyMs, note, isOver } = liar;
  const lie = () => {
    if (isOver()) return;
    note(tellLie(redis, random));
    if (redis.isHeld)
      schedule.plan({ at: schedule.now + random.magnitude(100, 20_000), what: "redis: let go", work: letGo });
    schedule.plan({ at: schedule.now + random.exponential(everyMs), what: "a lie", work: lie });
  };
  const letGo = () => {
    redis.isHeld = false;
    redis.mend();
  };
  const mend = () => {
    if (isOver()) redis.isHeld = false;
    redis.mend();
    schedule.plan({ at: schedule.now + MEND_MS, what: "a publisher looks", work: mend });
  };
  lie();
  mend();
}
