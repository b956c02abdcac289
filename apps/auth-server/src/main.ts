/** `main.ts --config FILE [--accept-removals]`: starts the server, says when it is ready, and stops when told to or when its parent is gone. */
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { hasCode, PortcullisError } from "@portcullis/protocol";
import { EndOfProcess, openStandardError } from "@portcullis/service";
import { type Configuration, parseConfiguration } from "./config/load.ts";
import { createReport } from "./logging/report.ts";
import { type AuthServer, createAuthServer } from "./server.ts";

const log = openStandardError();
const report = createReport({ write: (line) => log.write(line), nowMs: Date.now });
log.whenFlowingAgain((lines) => report({ event: "log_lines_dropped", lines }));
const end = new EndOfProcess({ log, reportFatal: report });

async function main(): Promise<void> {
  // Whatever this process makes is for its owner alone: the data file holds the signing keys.
  process.umask(0o077);
  const { file, acceptRemovals } = readOptions();
  const configuration = await readConfiguration(file);
  const server = await createAuthServer({ configuration, report, acceptRemovals });
  const url = await listen(server, configuration);
  stopWhenTold(server);
  report({ event: "ready", issuer: configuration.issuer, port: Number(new URL(url).port) });
  process.send?.({ type: "ready", url });
}

async function readConfiguration(file: string): Promise<Configuration> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) =>
    stop(`${file} cannot be read: ${error.code ?? error.message}`),
  );
  try {
    return parseConfiguration(text);
  } catch (error) {
    if (hasCode(error, "configuration_invalid")) return stop(`${file} is not valid: ${error.message}`);
    throw error;
  }
}

interface Options {
  readonly file: string;
  readonly acceptRemovals: boolean;
}

function readOptions(): Options {
  const { config: file, "accept-removals": acceptRemovals = false } = parseOptions();
  if (file === undefined) return stop("give a configuration file: --config FILE");
  return { file, acceptRemovals };
}

function parseOptions() {
  try {
    const options = { config: { type: "string" }, "accept-removals": { type: "boolean" } } as const;
    return parseArgs({ options }).values;
  } catch (error) {
    return stop((error as Error).message);
  }
}

async function listen(server: AuthServer, { listen: { host, port } }: Configuration): Promise<string> {
  try {
    return await server.listen();
  } catch (error) {
    await server.close();
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EADDRINUSE") return stop(`port ${port} is taken; choose another with listen.port`);
    if (code === "EACCES" || code === "EADDRNOTAVAIL")
      return stop(`cannot listen on ${host}:${port}: ${code}`);
    throw error;
  }
}

function stopWhenTold(server: AuthServer): void {
  let closing: Promise<void> | undefined;
  const closeOnce = (cause: string) => (closing ??= close(server, cause));
  end.stopWith(() => closeOnce("fault"));
  const stopOnce = (cause: string) => void closeOnce(cause).then(() => end.exit());
  process.once("SIGTERM", () => stopOnce("SIGTERM"));
  process.once("SIGINT", () => stopOnce("SIGINT"));
  process.once("disconnect", () => stopOnce("disconnect"));
}

async function close(server: AuthServer, cause: string): Promise<void> {
  report({ event: "stopping", cause });
  try {
    await server.close();
    report({ event: "stopped" });
  } catch (error) {
    report({ event: "stop_failed", error });
    process.exitCode = 1;
  }
}

/** One clear line and no stack: what is wrong is in front of the program, not in it. */
function stop(text: string): never {
  log.write(`portcullis auth-server: ${text}\n`);
  process.exit(1);
}

main().catch((error: unknown) => {
  if (error instanceof PortcullisError) stop(error.message);
  report({ event: "start_failed", error });
  process.exit(1);
});
