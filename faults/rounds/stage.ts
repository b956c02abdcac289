import { until } from "@portcullis/testing/end-to-end";
import { type Bed, type BedKind, type BedOptions, startBed } from "../bed/bed.ts";
import { type Rates, Workload } from "../workload/workload.ts";

/** A bed with its load. */
export interface Stage {
  readonly bed: Bed;
  readonly workload: Workload;
  stop(): Promise<void>;
}

export interface StageOptions extends BedOptions {
  readonly rates?: Rates;
}

const WARM_UP_MS = 60_000;

export async function openStage(kind: BedKind, options: StageOptions = {}): Promise<Stage> {
  const bed = await startBed(kind, options);
  try {
    const { leaseMs } = await bed.gateways[0]!.replica();
    const workload = new Workload(bed, { leaseMs, ...options });
    const stop = async () => {
      await workload.stop();
      await bed.stop();
    };
    workload.start();
    const patience = { what: "enough tokens for the load", withinMs: WARM_UP_MS };
    await until(() => workload.pool.isFull, patience);
    return { bed, workload, stop };
  } catch (error) {
    await bed.stop();
    throw error;
  }
}
