/** The numbers that a process shows to Prometheus. */
import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";

export interface Sample {
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A number that is read when it is asked for, wherever it is kept. */
export interface Family {
  readonly name: string;
  readonly type: "gauge" | "counter";
  readonly help: string;
  readonly labels?: readonly string[];
  /** Undefined, or no sample: nothing is known, so nothing is said. A rejection is the same. */
  readonly read: () =>
    | number
    | undefined
    | readonly Sample[]
    | Promise<number | undefined | readonly Sample[]>;
}

export interface MetricsOptions {
  /** Lines that the log had no room for. */
  readonly droppedLogLines: () => number;
  readonly families: readonly Family[];
  /** Whether numbers of the process are added: its memory, CPU, event loop. Off where several processes are one, in tests. */
  readonly ofProcess?: boolean | undefined;
}

/** Returns the registry, whose `metrics()` is what `/metrics` answers. */
export function createMetrics({ droppedLogLines, families, ofProcess = false }: MetricsOptions): Registry {
  const registry = new Registry();
  if (ofProcess) collectDefaultMetrics({ register: registry });
  for (const family of [...families, logMetric(droppedLogLines)]) register(family, registry);
  return registry;
}

const logMetric = (droppedLogLines: () => number): Family => ({
  name: "portcullis_log_dropped_total",
  type: "counter",
  help: "Log lines dropped: nobody read them fast enough.",
  read: droppedLogLines,
});

function register({ name, type, help, labels = [], read }: Family, registry: Registry): void {
  const options = { name, help, labelNames: [...labels], registers: [registry] };
  if (type === "counter") {
    const counter: Counter = new Counter({
      ...options,
      collect: () =>
        fill({ metric: counter, read, isUnlabelled: labels.length === 0 }, ({ labels: of = {}, value }) =>
          counter.inc(of, value),
        ),
    });
    return;
  }
  const gauge: Gauge = new Gauge({
    ...options,
    collect: () =>
      fill({ metric: gauge, read, isUnlabelled: labels.length === 0 }, ({ labels: of = {}, value }) =>
        gauge.set(of, value),
      ),
  });
}

interface Filled {
  readonly metric: Counter | Gauge;
  readonly read: Family["read"];
  readonly isUnlabelled: boolean;
}

/** Two scrapes may be under way: from the emptying to the last sample nothing is waited for. */
async function fill({ metric, read, isUnlabelled }: Filled, take: (sample: Sample) => void): Promise<void> {
  const samples = await samplesOf(read);
  metric.reset();
  // Emptied, one without labels says 0; of what is not known nothing is said.
  if (isUnlabelled) metric.remove();
  for (const sample of samples) take(sample);
}

async function samplesOf(read: Family["read"]): Promise<readonly Sample[]> {
  try {
    const found = await read();
    if (found === undefined) return [];
    return typeof found === "number" ? [{ value: found }] : found;
  } catch {
    return [];
  }
}
