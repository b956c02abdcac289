import type { Fault } from "../rounds/fault.ts";
import type { FaultFigures } from "../rounds/run-fault.ts";

const BAR = 30;

export interface Output {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

/** A bar on a terminal, and a line a fault anywhere else. */
export class Progress {
  readonly #output: Output;
  readonly #faults: number;
  #fault = "";
  #rounds = 0;
  #begun = 0;

  constructor(output: Output, faults: number) {
    this.#output = output;
    this.#faults = faults;
  }

  begin({ name }: Fault, rounds: number): void {
    this.#fault = name;
    this.#rounds = rounds;
    this.#begun++;
    this.round(0);
  }

  round(done: number): void {
    if (this.#output.isTTY !== true) return;
    const share = (this.#begun - 1 + done / this.#rounds) / this.#faults;
    const filled = Math.round(share * BAR);
    const bar = "#".repeat(filled) + ".".repeat(BAR - filled);
    this.#output.write(`\r\x1b[K[${bar}] ${this.#fault} ${done}/${this.#rounds}`);
  }

  say(text: string): void {
    this.#line(text);
  }

  end(figures: FaultFigures): void {
    const { violations, lost, replicas, longestRecoveryMs, revocations, requests } = figures;
    this.#line(
      `${this.#begun}/${this.#faults} ${this.#fault}: ${figures.rounds} rounds, ` +
        `${revocations.acknowledged}/${revocations.sent} revocations, ${requests} requests, ` +
        `${violations} violations, ${lost} lost, replicas ${replicas}, recovery ${longestRecoveryMs ?? "-"} ms`,
    );
    for (const { rule, detail } of figures.firstViolations.slice(0, 5)) this.#line(`    ${rule}: ${detail}`);
    if (figures.failure !== undefined) this.#line(`    failed: ${figures.failure}`);
  }

  #line(text: string): void {
    this.#output.write(`${this.#output.isTTY === true ? "\r\x1b[K" : ""}${text}\n`);
  }
}
