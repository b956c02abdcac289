import { type Clock, systemClock } from "@portcullis/protocol";
import type { Outcome } from "./simulation.ts";

export interface Progress {
  add(outcome: Outcome): void;
  end(): void;
  summary(): string;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_CHARACTERS = 30;
/** Between two looks of somebody who watches, and between two lines of a log. */
const REDRAW_MS = 100;
const LINE_MS = 10_000;

/** A bar that redraws itself on a terminal; a plain line now and then where the output is kept. */
export function createProgress(options: {
  readonly runs: number;
  readonly output: ProgressOutput;
  readonly clock?: Pick<Clock, "monotonicMs">;
}): Progress {
  const { runs, output, clock = systemClock } = options;
  const startedAt = clock.monotonicMs();
  const total = { done: 0, events: 0, simulatedMs: 0, records: 0, requests: 0, allowed: 0 };
  let shownAt = startedAt;

  function status(): string {
    const minutes = (clock.monotonicMs() - startedAt) / 60_000;
    return `${total.done}/${runs} worlds, ${Math.round(total.done / Math.max(minutes, 1e-6))} a minute`;
  }

  function draw(): void {
    const filled = Math.round((BAR_CHARACTERS * total.done) / runs);
    const bar = `${"#".repeat(filled)}${"-".repeat(BAR_CHARACTERS - filled)}`;
    const line = `[${bar}] ${status()}`;
    output.write(`\r${line.slice(0, (output.columns ?? 80) - 1)}\x1b[K`);
  }

  return {
    add({ events, simulatedMs, counts }) {
      total.done++;
      total.events += events;
      total.simulatedMs += simulatedMs;
      for (const name of ["records", "requests", "allowed"] as const) total[name] += counts[name] ?? 0;
      const now = clock.monotonicMs();
      if (now - shownAt < (output.isTTY ? REDRAW_MS : LINE_MS)) return;
      shownAt = now;
      if (output.isTTY) draw();
      else output.write(`${status()}\n`);
    },
    end() {
      if (!output.isTTY) return;
      draw();
      output.write("\n");
    },
    summary() {
      const hours = (total.simulatedMs / 3_600_000).toFixed(1);
      const did = `${total.records} revocations, ${total.requests} requests (${total.allowed} allowed)`;
      return `${status()}: ${total.events} events in ${hours} simulated hours, ${did}. All invariants held.`;
    },
  };
}
