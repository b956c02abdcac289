import { writeFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

/** Keeps figures with the date and the machine that they come from. Nothing happens without a file. */
export function saveResult(
  file: string | undefined,
  content: { readonly scenario: string; readonly method: string },
): void {
  if (file === undefined) return;
  const machine = {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
    loadAverage: loadavg()[0],
  };
  const { scenario, ...rest } = content;
  const date = new Date().toISOString();
  writeFileSync(file, `${JSON.stringify({ scenario, date, machine, ...rest }, null, 2)}\n`);
}

export interface Spread {
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

export function spreadOf(times: readonly number[]): Spread {
  const sorted = times.toSorted((left, right) => left - right);
  const share = (part: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
  return { p50Ms: share(0.5), p99Ms: share(0.99), maxMs: sorted.at(-1)! };
}
