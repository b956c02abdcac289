import type { Agreement } from "../checker/after-round.ts";
import { measureRecovery } from "../checker/recovery.ts";
import type { Violation } from "../checker/words.ts";
import type { Fault, Scene } from "./fault.ts";
import { runRound } from "./round.ts";
import type { Stage } from "./stage.ts";

export interface FaultFigures {
  readonly rounds: number;
  readonly revocations: { readonly sent: number; readonly acknowledged: number };
  readonly requests: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly violations: number;
  readonly firstViolations: readonly Violation[];
  readonly lost: number;
  readonly replicas: Agreement | "not compared";
  readonly longestRecoveryMs: number | null;
  /** What kept it from being run to its end. */
  readonly failure?: string;
}

export interface FaultRun {
  readonly fault: Fault;
  readonly stage: Stage;
  readonly rounds: number;
  readonly hold: Scene["hold"];
  readonly onRound: (done: number) => void;
}

/** All rounds of one fault, on one stage. Never rejects: what goes wrong is among the figures. */
export async function runFault(run: FaultRun): Promise<FaultFigures> {
  const tally = new Tally(run.stage);
  try {
    const restore = await run.fault.prepare?.(run.stage.bed);
    try {
      await untilWell(run.stage);
      for (let round = 0; round < run.rounds; round++) {
        const scene = { bed: run.stage.bed, round, hold: run.hold };
        tally.add(await runRound(run.fault, scene, run.stage.workload));
        run.onRound(round + 1);
      }
    } finally {
      await restore?.();
    }
    return tally.figures();
  } catch (error) {
    return tally.figures(describe(error));
  }
}

/** Some faults start servers anew to prepare them: the first round begins when they serve. */
async function untilWell({ workload, bed }: Stage): Promise<void> {
  if ((await measureRecovery(workload, bed)) === undefined) throw new Error("all was not well at the start");
}

/** The servers could not even be started. */
export function notStarted(error: unknown): FaultFigures {
  return {
    rounds: 0,
    revocations: { sent: 0, acknowledged: 0 },
    requests: 0,
    statuses: {},
    violations: 0,
    firstViolations: [],
    lost: 0,
    replicas: "not compared",
    longestRecoveryMs: null,
    failure: describe(error),
  };
}

const describe = (error: unknown): string => String((error as Error).stack ?? error).slice(0, 2000);

/** The stage's counters run on from fault to fault: what counts is how much they have grown. */
class Tally {
  readonly #stage: Stage;
  readonly #sentBefore: number;
  readonly #acknowledgedBefore: number;
  readonly #statusesBefore: ReadonlyMap<number, number>;
  readonly #requestsBefore: number;
  readonly #results: Awaited<ReturnType<typeof runRound>>[] = [];

  constructor(stage: Stage) {
    this.#stage = stage;
    const { requests, checker, revocations } = stage.workload;
    checker.violations.length = 0;
    checker.violationCount = 0;
    this.#sentBefore = revocations.counts.sent;
    this.#acknowledgedBefore = revocations.counts.acknowledged;
    this.#statusesBefore = new Map(requests.counts.byStatus);
    this.#requestsBefore = requests.counts.all;
  }

  add(result: Awaited<ReturnType<typeof runRound>>): void {
    this.#results.push(result);
  }

  figures(failure?: string): FaultFigures {
    const { requests, checker, revocations } = this.#stage.workload;
    const recoveries = this.#results.flatMap(({ recoveryMs }) => recoveryMs ?? []);
    return {
      rounds: this.#results.length,
      revocations: {
        sent: revocations.counts.sent - this.#sentBefore,
        acknowledged: revocations.counts.acknowledged - this.#acknowledgedBefore,
      },
      requests: requests.counts.all - this.#requestsBefore,
      statuses: this.#statuses(),
      violations: checker.violationCount,
      firstViolations: [...checker.violations],
      lost: this.#results.reduce((sum, { lost }) => sum + lost, 0),
      replicas: this.#agreement(),
      longestRecoveryMs: recoveries.length === 0 ? null : Math.round(Math.max(...recoveries)),
      ...(failure === undefined ? {} : { failure }),
    };
  }

  #statuses(): Record<string, number> {
    const now = this.#stage.workload.requests.counts.byStatus;
    const grown = [...now].map(([status, count]) => [
      String(status),
      count - (this.#statusesBefore.get(status) ?? 0),
    ]);
    return Object.fromEntries(grown.filter(([, count]) => count !== 0));
  }

  #agreement(): FaultFigures["replicas"] {
    const seen = new Set(this.#results.map(({ replicas }) => replicas));
    if (seen.has("unequal")) return "unequal";
    return seen.has("equal") ? "equal" : "not compared";
  }
}
