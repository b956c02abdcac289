import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../src/main.ts", import.meta.url));

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** The relay as an operator starts it. */
export class RelayProcess {
  readonly child: ChildProcess;
  readonly exited: Promise<Exit>;
  /** Standard output and standard error, so far. */
  output = "";
  errors = "";

  constructor(...parameters: string[]) {
    this.child = fork(MAIN, parameters, { silent: true, execArgv: ["--conditions=@portcullis/source"] });
    this.child.stdout!.on("data", (chunk) => {
      this.output += chunk;
    });
    this.child.stderr!.on("data", (chunk) => {
      this.errors += chunk;
    });
    this.exited = Promise.all([once(this.child, "exit"), once(this.child.stderr!, "end")]).then(
      ([[code, signal]]) => ({ code, signal }),
    );
  }

  /** The message that it listens; throws with its last words when it exits instead. */
  async ready(): Promise<{ url: string; endpoint: string }> {
    const message = await Promise.race([once(this.child, "message"), this.exited]);
    if (!Array.isArray(message)) throw new Error(`the relay exited: ${this.errors}`);
    const { url } = message[0] as { url: string };
    return { url, endpoint: `${url}/revocations` };
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
