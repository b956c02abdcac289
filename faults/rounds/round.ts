import { type Aftermath, judgeAftermath } from "../checker/after-round.ts";
import { measureRecovery } from "../checker/recovery.ts";
import type { Workload } from "../workload/workload.ts";
import type { Fault, Scene } from "./fault.ts";

const BEFORE_MS = 700;
const SIGN_INS = 2;

export interface RoundResult extends Aftermath {
  readonly recoveryMs: number | undefined;
}

/** The load runs on; the fault strikes and is mended; then all must be well again, by itself. */
export async function runRound(fault: Fault, scene: Scene, workload: Workload): Promise<RoundResult> {
  const { checker } = workload;
  await workload.signIns.add(SIGN_INS);
  checker.allowances = fault.allowances?.(scene) ?? {};
  workload.revoke(true);
  try {
    await scene.hold(BEFORE_MS);
    await fault.strike(scene);
    await judgeSurvivors(scene, workload);
  } finally {
    workload.revoke(false);
  }
  const recoveryMs = await measureRecovery(workload, scene.bed);
  if (recoveryMs === undefined) {
    checker.report("did not recover", `round ${scene.round + 1}: not within 30 s after it was mended`);
  }
  await workload.revocations.settled();
  checker.allowances = {};
  return { ...(await judgeAftermath(workload, scene.bed)), recoveryMs };
}

/** Whatever is broken around it, a server of ours goes on; a supervisor would start it again, and so do we. */
async function judgeSurvivors({ bed }: Scene, { checker }: Workload): Promise<void> {
  for (const part of [...bed.authServers, ...bed.gateways]) {
    if (part.isRunning) continue;
    checker.report("server ended by itself", `${part.name}: ${part.lastLines().slice(-600)}`);
    await part.start();
  }
}
