/** `npm run interleavings -- [options]`: see tools/usage/interleavings.txt. */
import { parseArgs } from "node:util";
import { startPostgres } from "@portcullis/testing/servers";
import { RACED } from "./acts.ts";
import type { Race } from "./race.ts";
import { REQUESTS, type Request } from "./requests.ts";
import { racesFrom, runRaces } from "./run-races.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    runs: { type: "string" },
    act: { type: "string" },
    request: { type: "string" },
    "two-servers": { type: "boolean", default: false },
    verbose: { type: "boolean", default: false },
  },
});

const racesOf = (): readonly Race[] => {
  const { act, request, seed, runs } = values;
  if (act === undefined && request === undefined) return racesFrom(Number(seed), Number(runs ?? 1000));
  if (act === undefined || !Object.hasOwn(RACED, act))
    throw new Error(`--act: found ${act}, expected one of ${Object.keys(RACED).join(", ")}`);
  if (!REQUESTS.includes(request as Request))
    throw new Error(`--request: found ${request}, expected one of ${REQUESTS.join(", ")}`);
  const of = (at: number): Race => ({ act, request: request as Request, seed: Number(seed) + at });
  return Array.from({ length: Number(runs ?? 1) }, (_, at) => of(at));
};

const races = racesOf();
const postgres = values["two-servers"] ? await startPostgres({ fsync: false }) : undefined;
let over = 0;
let blocked = 0;
try {
  await runRaces({
    races,
    ...(postgres && {
      createDatabase: async () => ({ kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 }),
    }),
    onRace({ act, request, seed }, outcome) {
      over++;
      blocked += outcome.blocked;
      if (values.verbose) say(`${request} against ${act}, seed ${seed}\n  ${outcome.trace.join("\n  ")}`);
      else if (over % 50 === 0) say(`${over} of ${races.length}`);
    },
  });
  say(`${over} races: nothing lived that must not. One waited for the other ${blocked} times.`);
} catch (error) {
  const { message, cause } = error as Error;
  process.stderr.write(`${message}\n${cause instanceof Error ? cause.stack : cause}\n`);
  process.exitCode = 1;
} finally {
  await postgres?.stop();
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
