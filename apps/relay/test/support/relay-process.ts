import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface RelayProcessOptions {
  /** A file descriptor that takes its lines; `errors` stays empty then. */
  readonly standardError?: number;
  /** Variables, over those of the tests themselves. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Source text that is run before the relay is: how a fault gets in. */
  readonly injected?: string;
}

/** The relay as an operator starts it. */
export class RelayProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** Standard output and standard error, so far. */
  output = "";
  errors = "";

  constructor(options: RelayProcessOptions, ...parameters: string[]) {
    this.child = fork(MAIN, parameters, {
      env: { ...process.env, ...options.environment },
      stdio: ["ignore", "pipe", options.standardError ?? "pipe", "ipc"],
      execArgv: ["--conditions=@portcullis/source", ...importing(options.injected)],
    });
    this.child.stdout!.on("data", (chunk) => {
      this.output += chunk;
    });
    this.child.stderr?.on("data", (chunk) => {
      this.errors += chunk;
    });
    const { stderr } = this.child;
    const ends = [once(this.child, "exit"), ...(stderr === null ? [] : [once(stderr, "end")])];
    this.exited = Promise.all(ends).then(([exit]) => ({ code: exit![0], signal: exit![1] }));
  }

  /** The message that it listens; throws with its last words when it exits instead. */
  async ready(): Promise<{ url: string; endpoint: string; management: string }> {
    const message = await Promise.race([once(this.child, "message"), this.exited]);
    if (!Array.isArray(message)) throw new Error(`the relay exited: ${this.errors}`);
    const { url, management } = message[0] as { url: string; management: string };
    return { url, management, endpoint: `${url}/revocations` };
  }

  async kill(): Promise<void> {
    this.child.kill("SIGKILL");
    await this.exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill("SIGKILL");
    await this.exited;
  }
}

const importing = (source: string | undefined): string[] =>
  source === undefined ? [] : ["--import", `data:text/javascript,${encodeURIComponent(source)}`];
