/**
 * A refresh, a redemption, client credentials and signing in, each against each act that ends something, step by step in an order
 * that a seed says: nothing is left alive, and what must live on does. `npm run interleavings` runs as many as it is told.
 */
import assert from "node:assert/strict";
import { describe, it, test } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import type { IssuingStep } from "../apps/auth-server/src/oidc/tokens/issuing-phase.ts";
import { ACTS } from "./endings/acts.ts";
import { PAGE_ACTS } from "./endings/page-acts.ts";
import { RACED } from "./interleavings/acts.ts";
import type { Race } from "./interleavings/race.ts";
import { type RunOptions, racesFrom, runRaces } from "./interleavings/run-races.ts";

const ACTS_COUNT = Object.keys(RACED).length;

test("every act that ends something is raced, by two requests or more", () => {
  for (const act of [...Object.keys(ACTS), ...Object.keys(PAGE_ACTS)]) assert.ok(act in RACED, act);
  const pairs = new Set(racesFrom(1, ACTS_COUNT * 2).map(({ act, request }) => `${act} ${request}`));
  assert.equal(pairs.size, ACTS_COUNT * 2);
});

test("what comes out of a race with an act that ends something is what the act says", async () => {
  await assertRaced({ races: racesFrom(1, ACTS_COUNT) });
});

async function assertRaced(options: RunOptions): Promise<void> {
  let changes = 0;
  await runRaces({
    ...options,
    onRace: (_race, { trace }) => {
      changes += changesOfTurn(trace);
    },
  });
  const { length } = options.races;
  assert.ok(changes > length, `of ${length} races, the two took turns ${changes} times`);
}

const changesOfTurn = (trace: readonly string[]): number => {
  const racers = trace.map((line) => line.split(":")[0]);
  return racers.filter((racer, at) => at > 0 && racer !== racers[at - 1]).length;
};

test("the same, with the act at another server of the database", async (t) => {
  const postgres = await startPostgres({ fsync: false });
  t.after(() => postgres.stop());
  await assertRaced({
    races: racesFrom(5001, ACTS_COUNT).filter((_race, at) => at % 3 === 0),
    createDatabase: async () => ({ kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 }),
  });
});

/** The horizon after the checks of SQL: what must never be. */
function horizonAfterChecks([horizon, ...checks]: readonly IssuingStep[]): readonly IssuingStep[] {
  const verdict = checks.findIndex(({ name }) => name === "verdict_allows");
  return checks.toSpliced(verdict, 0, { ...horizon!, when: "token" });
}

describe("with the horizon sampled after the checks, a race finds", () => {
  for (const [request, act] of [
    ["machine", "disableApp"],
    ["refresh", "banUser from one API"],
  ] as const) {
    it(`the token of ${request} that outlives ${act}, and says how to repeat it`, async () => {
      const races: Race[] = Array.from({ length: 48 }, (_, at) => ({ act, request, seed: at + 1 }));
      await assert.rejects(runRaces({ races, reorder: horizonAfterChecks }), (error: Error) => {
        assert.match(error.message, new RegExp(`--act "${act}" --request ${request} --seed \\d+\n`));
        assert.match((error.cause as Error).message, /a token passes that hangs below what has ended/);
        return true;
      });
    });
  }
});
