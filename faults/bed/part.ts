import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isRunning, type ServerProcess, startProcess, until } from "@portcullis/testing/end-to-end";

export interface PartOptions {
  readonly name: string;
  readonly command: readonly string[];
  /** Its output goes to a file there. */
  readonly logFolder: string;
  /** Group of the process: the packet filter tells it by that. */
  readonly groupId?: number | undefined;
  readonly isServing: () => Promise<boolean>;
}

const START_MS = 60_000;

/** A server of ours as a process that is killed, paused and started again, on the same port with the same files. */
export class Part {
  readonly name: string;
  /** Of the next start. */
  environment: Readonly<Record<string, string>> = {};
  /** Of the next start: flags of Node in front of the program. */
  nodeFlags: readonly string[] = [];
  readonly #options: PartOptions;
  #process: ServerProcess | undefined;

  constructor(options: PartOptions) {
    this.name = options.name;
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#process !== undefined && isRunning(this.#process.pid);
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const running = this.#launch();
    this.#process = running;
    const died = running.exited.then(({ code, signal }) => {
      throw new Error(`${this.name} ended (${code ?? signal}) before it served:\n${this.lastLines()}`);
    });
    died.catch(() => undefined);
    const serves = until(this.#options.isServing, { what: `${this.name} to serve`, withinMs: START_MS });
    const told = serves.catch((error: Error) => {
      throw new Error(`${error.message}\n${this.lastLines()}`);
    });
    told.catch(() => undefined);
    await Promise.race([told, died]);
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.child.kill(signal);
  }

  pause(): void {
    this.signal("SIGSTOP");
  }

  resume(): void {
    this.signal("SIGCONT");
  }

  /** Resolves when it is gone. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.signal(signal);
    await this.exited();
  }

  async exited(): Promise<void> {
    await this.#process?.exited;
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    // A stopped process takes no signal but SIGKILL.
    this.resume();
    await this.#process!.stop(5000);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  lastLines(): string {
    return readFileSync(this.#logFile(), "utf8").slice(-3000);
  }

  #launch(): ServerProcess {
    const [file, ...parameters] = this.#options.command as [string, ...string[]];
    const log = openSync(this.#logFile(), "a", 0o600);
    try {
      return startProcess([file, ...this.nodeFlags, ...parameters], {
        stdio: ["ignore", log, log],
        env: { ...process.env, ...this.environment },
        ...(this.#options.groupId === undefined ? {} : { gid: this.#options.groupId }),
      });
    } finally {
      closeSync(log);
    }
  }

  #logFile(): string {
    return join(this.#options.logFolder, `${this.name}.log`);
  }
}
