import { describeError, EndOfProcess, openStandardError } from "@portcullis/service";
import type { FastifyInstance } from "fastify";

const GRACE_MS = 8_000;

/** Where the lines of this process go, those of Fastify's logger too. */
export const lines = openStandardError();

/** One line of JSON an event, as Fastify's logger writes them. */
export function say(level: "info" | "warn" | "error" | "fatal", event: object): void {
  lines.write(`${JSON.stringify({ level, time: Date.now(), ...event })}\n`);
}

lines.whenFlowingAgain((dropped) => say("warn", { event: "log_lines_dropped", lines: dropped }));
const end = new EndOfProcess({
  log: lines,
  reportFatal: (event) => say("fatal", { ...event, error: describeError(event.error) }),
});

/** Listens, and says so to the parent process if there is one. A taken port is one clear line. */
export async function listen(app: FastifyInstance, at: { host: string; port: number }): Promise<void> {
  try {
    const url = await app.listen(at);
    process.send?.({ type: "ready", url });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    throw new Error(`port ${at.port} is taken; choose another with listen.port`, { cause: error });
  }
}

/** On SIGTERM, on Ctrl-C, and when the parent is gone: `close` once, then exit; hung, exit all the same. */
export function stopOnSignals(close: () => Promise<void>): void {
  let closing: Promise<void> | undefined;
  const closeOnce = () => (closing ??= close());
  end.stopWith(closeOnce);
  const stop = () => {
    setTimeout(() => process.exit(1), GRACE_MS).unref();
    closeOnce()
      .catch(() => {
        process.exitCode = 1;
      })
      .then(() => end.exit());
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, stop);
  process.on("disconnect", stop);
}

export function configFileFromArguments(argv: readonly string[]): string {
  const [flag, file, ...rest] = argv;
  if (flag !== "--config" || file === undefined || rest.length > 0)
    throw new Error("usage: main.ts --config FILE");
  return file;
}

/** Runs `main`; whatever stops it is one readable line, and exit status 1. */
export function run(main: () => Promise<void>): void {
  main().catch((error: unknown) => {
    lines.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  });
}
