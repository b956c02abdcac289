import type { Database } from "../endings/world.ts";
import { namesOf } from "../endings/world.ts";
import { RACED, requestsAgainst } from "./acts.ts";
import { type Outcome, type Race, run } from "./race.ts";
import { startRaceWorld, type WorldOptions } from "./world.ts";

/** Each act once a round, against one request after the other: seeds grow by one. */
export function racesFrom(seed: number, count: number): readonly Race[] {
  const acts = Object.keys(RACED);
  return Array.from({ length: count }, (_, at) => {
    const act = acts[at % acts.length]!;
    const requests = requestsAgainst(act);
    const round = Math.floor(at / acts.length);
    return { act, request: requests[(round + (at % acts.length)) % requests.length]!, seed: seed + at };
  });
}

/** They change the server as a whole, and end nothing a second time. */
const ONCE_A_WORLD: readonly string[] = ["changePolicy"];
const MAX_RACES_PER_WORLD = 50;

function worldsOf(races: readonly Race[]): readonly (readonly Race[])[] {
  const worlds: Race[][] = [];
  for (const race of races) {
    const last = worlds.at(-1);
    const isRepeated = ONCE_A_WORLD.includes(race.act) && last?.some(({ act }) => act === race.act);
    if (last === undefined || last.length === MAX_RACES_PER_WORLD || isRepeated) worlds.push([race]);
    else last.push(race);
  }
  return worlds;
}

export interface RunOptions {
  readonly races: readonly Race[];
  /** An empty one for each world. Default: SQLite. */
  readonly createDatabase?: () => Promise<Database>;
  readonly reorder?: WorldOptions["reorder"];
  readonly onRace?: (race: Race, outcome: Outcome) => void;
}

/** Runs them one after the other; throws at the first that goes wrong, with its seed. */
export async function runRaces({ races, createDatabase, reorder, onRace }: RunOptions): Promise<void> {
  for (const some of worldsOf(races)) {
    const machines = new Set(some.flatMap(({ request }, at) => (request === "machine" ? [at] : [])));
    const byJson = new Set(some.flatMap(({ request }, at) => (request === "json-sign-in" ? [at] : [])));
    const world = await startRaceWorld({
      races: some.length,
      machines,
      byJson,
      database: await createDatabase?.(),
      reorder,
    });
    try {
      for (const [at, race] of some.entries()) {
        const outcome = await run(world, namesOf(at), race);
        onRace?.(race, outcome);
      }
    } finally {
      await world.stop();
    }
  }
}
