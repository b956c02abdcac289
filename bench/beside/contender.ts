/** Figures of one window, by name: smaller is better. */
export type Figures = Readonly<Record<string, number>>;

/** One checkout of this repository under the load of one scenario. */
export interface Contender {
  /** One window of load. */
  measure(): Promise<Figures>;
  close(): Promise<void>;
}

export interface Scenario {
  /** Windows that are measured, and windows before them that warm up. */
  readonly rounds: number;
  readonly warmUp: number;
  /** One contender a checkout, in the order given. Whatever they share (a service, tokens) closes with the last one. */
  open(trees: readonly string[]): Promise<readonly Contender[]>;
}
