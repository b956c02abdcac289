import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

export type PartName = "server" | "verifiers" | "readers" | "people";

/** A process of a scenario. It ends when this one does. */
export class Part {
  readonly started: Record<string, unknown>;
  readonly #child: ChildProcess;

  static async start(name: PartName, options: object): Promise<Part> {
    const child = fork(
      fileURLToPath(new URL(`${name}-part.ts`, import.meta.url)),
      [JSON.stringify(options)],
      {
        execArgv: ["--conditions=@portcullis/source", "--expose-gc"],
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      },
    );
    return new Part(child, await answerOf(child, name));
  }

  private constructor(child: ChildProcess, started: Record<string, unknown>) {
    this.#child = child;
    this.started = started;
  }

  async ask<Answer extends object>(question: object): Promise<Answer> {
    const answer = answerOf(this.#child, JSON.stringify(question));
    this.#child.send(question);
    return (await answer) as Answer;
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    if (this.#child.connected) this.#child.disconnect();
    await ended;
  }
}

async function answerOf(child: ChildProcess, what: string): Promise<Record<string, unknown>> {
  const over = new AbortController();
  const { signal } = over;
  const failed = once(child, "exit", { signal }).then(([code]) => {
    throw new Error(`${what}: its process ended with ${code}`);
  });
  try {
    const [message] = await Promise.race([once(child, "message", { signal }), failed]);
    return message as Record<string, unknown>;
  } finally {
    failed.catch(() => {});
    over.abort();
  }
}
