/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import {
  ALGORITHMS,
  type Algorithm,
  type Candidate,
  type CandidateName,
  LIVE_SESSIONS,
  revocationsOf,
  scenarioOf,
  TOKENS,
} from "./scenario.ts";

/** Checks in a window: enough for tens of milliseconds each. */
const CHECKS: Readonly<Record<CandidateName, number>> = {
  makeHeader: 100_000,
  seen: 50_000,
  opaque: 50_000,
  firstSeen: TOKENS,
  bareVerify: TOKENS,
  jose: TOKENS,
};
const WARM_UP_ROUNDS = 3;
const BUDGETS = { seenMicroseconds: 2, timesFasterThanJose: 40, firstSeenToBareVerify: 1.25 };

interface Figure {
  readonly min: number;
  readonly median: number;
}
type Figures = Readonly<Record<CandidateName, Figure>>;
interface Result {
  readonly algorithm: Algorithm;
  /** CPU microseconds a check. */
  readonly figures: Figures;
  readonly timesFasterThanJose: number;
  readonly firstSeenToBareVerify: number;
}

async function measure(
  algorithm: Algorithm,
  candidates: Readonly<Record<CandidateName, Candidate>>,
  rounds: number,
): Promise<Result> {
  const names = Object.keys(candidates) as CandidateName[];
  const windows = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<
    CandidateName,
    number[]
  >;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    for (const name of names) {
      const microseconds = await cpuOf(candidates[name], CHECKS[name]);
      if (round >= 0) windows[name].push(microseconds / CHECKS[name]);
    }
  }
  const figures = Object.fromEntries(
    names.map((name) => [name, figureOf(windows[name])]),
  ) as unknown as Figures;
  return {
    algorithm,
    figures,
    timesFasterThanJose: figures.jose.min / figures.seen.min,
    firstSeenToBareVerify: figures.firstSeen.min / figures.bareVerify.min,
  };
}

async function cpuOf(candidate: Candidate, count: number): Promise<number> {
  const before = process.cpuUsage();
  await candidate(count);
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

function figureOf(windows: readonly number[]): Figure {
  const sorted = windows.toSorted((left, right) => left - right);
  return { min: sorted[0]!, median: sorted[Math.floor(sorted.length / 2)]! };
}

function print(results: readonly Result[]): void {
  const show = ({ min, median }: Figure) => `${min.toFixed(2)} (${median.toFixed(2)})`;
  console.log("CPU microseconds a check: minimum (median) of the windows\n");
  console.table(
    Object.fromEntries(
      results.map(({ algorithm, figures, timesFasterThanJose, firstSeenToBareVerify }) => [
        algorithm,
        {
          "guard, seen": show(figures.seen),
          "guard, opaque and kept": show(figures.opaque),
          "guard, first seen": show(figures.firstSeen),
          "crypto.verify": show(figures.bareVerify),
          "jose.jwtVerify": show(figures.jose),
          "making the header": show(figures.makeHeader),
          "seen, times faster than jose": timesFasterThanJose.toFixed(1),
          "first seen / crypto.verify": firstSeenToBareVerify.toFixed(3),
        },
      ]),
    ),
  );
  for (const line of results.flatMap(judge)) console.log(line);
}

function judge({ algorithm, figures, timesFasterThanJose, firstSeenToBareVerify }: Result): string[] {
  const say = (met: boolean, text: string) => `${met ? "met   " : "MISSED"} ${algorithm}: ${text}`;
  return [
    say(
      figures.seen.min <= BUDGETS.seenMicroseconds,
      `token seen before ${figures.seen.min.toFixed(2)} us, budget ${BUDGETS.seenMicroseconds} us`,
    ),
    say(
      timesFasterThanJose >= BUDGETS.timesFasterThanJose,
      `${timesFasterThanJose.toFixed(1)} times faster than jose, budget ${BUDGETS.timesFasterThanJose}`,
    ),
    say(
      firstSeenToBareVerify <= BUDGETS.firstSeenToBareVerify,
      `first seen ${firstSeenToBareVerify.toFixed(3)} of crypto.verify, budget ${BUDGETS.firstSeenToBareVerify}`,
    ),
  ];
}

const { values } = parseArgs({
  options: { json: { type: "string" }, rounds: { type: "string", default: "25" } },
});
const rounds = Number(values.rounds);
const revocations = revocationsOf();
const results: Result[] = [];
for (const algorithm of ALGORITHMS) {
  results.push(await measure(algorithm, scenarioOf(algorithm, revocations).candidates, rounds));
}
print(results);
if (values.json !== undefined) {
  const method = `process.cpuUsage over ${rounds} alternating windows a candidate, after ${WARM_UP_ROUNDS} to warm up; ${TOKENS} tokens; ${LIVE_SESSIONS} live revoked sessions; ratios of minima; every header a new string`;
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    node: process.version,
    openssl: process.versions.openssl,
  };
  const report = {
    scenario: "guard",
    date: new Date().toISOString(),
    method,
    machine,
    budgets: BUDGETS,
    results,
  };
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
