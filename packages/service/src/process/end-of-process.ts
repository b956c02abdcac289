import type { LogDestination } from "../log/log-destination.ts";

export type FatalEvent = {
  readonly event: "fatal";
  /** `uncaughtException` or `unhandledRejection`. */
  readonly origin: string;
  /** As it was thrown: what a line says of it is `describeError`'s. */
  readonly error: unknown;
};

export interface EndOfProcessOptions {
  readonly log: Pick<LogDestination, "flush">;
  readonly reportFatal: (event: FatalEvent) => void;
}

/** Takes no new requests and finishes those under way. Called more than once, gives the same promise. */
export type Stop = () => Promise<void>;

/** Returns a stop that begins once, whoever asks for it again. */
export function stopOnce(stop: Stop): Stop {
  let stopped: Promise<void> | undefined;
  return () => (stopped ??= stop());
}

/** How long stopping may take after a fault: those under way may hang by that very fault. */
const DRAIN_AFTER_FAULT_MS = 5_000;
const FLUSH_MS = 2_000;

/** Ends this process on a fault that nobody caught, as the README says. Made first of all, when nothing can be stopped yet. */
export class EndOfProcess {
  readonly #options: EndOfProcessOptions;
  #stop: Stop = async () => {};
  #hasFault = false;

  constructor(options: EndOfProcessOptions) {
    this.#options = options;
    // Rejections that nobody handles come here too: Node makes exceptions of them.
    process.on("uncaughtException", (error, origin) => this.#fault(error, origin));
  }

  /** From now on there is something to stop. */
  stopWith(stop: Stop): void {
    this.#stop = stop;
  }

  /** Exits with 0, or with `process.exitCode` if something has set it, once the log is out. */
  async exit(): Promise<never> {
    await this.#options.log.flush(FLUSH_MS);
    process.exit();
  }

  #fault(error: Error, origin: string): void {
    // Before anything else: whoever exits meanwhile, because a signal came, exits with it.
    process.exitCode = 1;
    const isFirst = !this.#hasFault;
    this.#hasFault = true;
    this.#options.reportFatal({ event: "fatal", origin, error });
    if (!isFirst) process.exit();
    void this.#drain().finally(() => this.exit());
  }

  async #drain(): Promise<void> {
    const late = Promise.withResolvers<void>();
    setTimeout(late.resolve, DRAIN_AFTER_FAULT_MS);
    // Its failure is no second fault: the process ends anyway, and for the first.
    await Promise.race([this.#stop().catch(() => {}), late.promise]);
  }
}
