import { writePage } from "../report/page.ts";
import type { Progress } from "../report/progress.ts";
import { saveResult } from "../report/results.ts";
import type { Fault } from "./fault.ts";
import { type FaultFigures, notStarted, runFault } from "./run-fault.ts";
import { openStage, type Stage } from "./stage.ts";

export interface RunOptions {
  readonly faults: readonly Fault[];
  readonly rounds: number;
  readonly progress: Progress;
  /** Keep what the servers say there. */
  readonly logFolder?: string | undefined;
}

/** Runs all, one after the other, and keeps each result at once. Gives the names of those that did not hold. */
export async function runAll(options: RunOptions): Promise<string[]> {
  const { faults, rounds, progress } = options;
  const stages = new Stages(options);
  const failed: string[] = [];
  try {
    for (const fault of faults) {
      progress.begin(fault, rounds);
      const figures = await runOn(stages, fault, { rounds, progress }).catch(notStarted);
      saveResult(fault, figures);
      writePage();
      progress.end(figures);
      if (!held(figures)) failed.push(fault.name);
      // What a fault has left behind must not be taken for the doing of the next one.
      if (!held(figures)) await stages.close();
    }
  } finally {
    await stages.close();
  }
  return failed;
}

export function held(figures: FaultFigures): boolean {
  const { failure, violations, lost, replicas } = figures;
  return failure === undefined && violations === 0 && lost === 0 && replicas !== "unequal";
}

async function runOn(
  stages: Stages,
  fault: Fault,
  { rounds, progress }: { rounds: number; progress: Progress },
): Promise<FaultFigures> {
  const stage = await stages.open(fault.bed);
  return runFault({
    fault,
    stage,
    rounds,
    hold: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    onRound: (done) => progress.round(done),
  });
}

/** One at a time, kept from fault to fault: to build one takes seconds. */
class Stages {
  readonly #options: RunOptions;
  #kind: Fault["bed"] | undefined;
  #stage: Stage | undefined;

  constructor(options: RunOptions) {
    this.#options = options;
  }

  async open(kind: Fault["bed"]): Promise<Stage> {
    if (this.#stage !== undefined && this.#kind === kind) return this.#stage;
    await this.close();
    const { logFolder, progress } = this.#options;
    progress.say(`starting the servers (${kind})`);
    this.#stage = await openStage(kind, logFolder === undefined ? {} : { logFolder });
    this.#kind = kind;
    return this.#stage;
  }

  async close(): Promise<void> {
    const stage = this.#stage;
    this.#stage = undefined;
    await stage?.stop();
  }
}
