/** `main.ts --config relay.yaml`: the relay as a process. */
import { parseArgs } from "node:util";
import { PortcullisError } from "@portcullis/protocol";
import { describeError, EndOfProcess, openStandardError } from "@portcullis/service";
import { type Configuration, loadConfiguration } from "./config/load-configuration.ts";
import { relayError } from "./errors.ts";
import { createReport } from "./log-line.ts";
import { type Relay, startRelay } from "./relay.ts";

const USAGE = `usage: main.ts --config relay.yaml

Takes the revocation feed of an authorization server and serves it to many verifiers.
docs/reference/relay-configuration.md explains every setting.
`;
const log = openStandardError();
const report = createReport({ write: (line) => log.write(line), nowMs: Date.now });
log.whenFlowingAgain((lines) => report({ event: "log_lines_dropped", lines }));
const end = new EndOfProcess({
  log,
  reportFatal: (event) => report({ ...event, error: describeError(event.error) }),
});

async function main(): Promise<void> {
  // Whatever this process makes is for its owner alone.
  process.umask(0o077);
  const configuration = readConfiguration();
  if (configuration === undefined) return;
  const relay = await startRelay({ configuration, report, droppedLogLines: () => log.dropped });
  stopWhenTold(relay);
  report({ event: "listening", url: relay.url, replica: relay.name });
  process.send?.({ type: "ready", url: relay.url });
  relay.whenReady().then(
    () => report({ event: "ready" }),
    () => {}, // closed before it was ready
  );
}

/** Undefined when only help was asked for. */
function readConfiguration(): Configuration | undefined {
  const { config, help } = readParameters();
  if (help === true) {
    process.stdout.write(USAGE);
    return undefined;
  }
  if (config === undefined) throw relayError("configuration_invalid", { text: USAGE.trim() });
  return loadConfiguration(config);
}

function readParameters(): { readonly config?: string | undefined; readonly help?: boolean | undefined } {
  try {
    return parseArgs({ options: { config: { type: "string" }, help: { type: "boolean" } } }).values;
  } catch (cause) {
    throw relayError("configuration_invalid", {
      text: `${(cause as Error).message}\n${USAGE}`.trim(),
      cause,
    });
  }
}

function stopWhenTold(relay: Relay): void {
  end.stopWith(() => relay.stop());
  let isStopping = false;
  const stop = async (why: string): Promise<void> => {
    // Told twice, it does not wait for its verifiers: those above then wait for them, by the relay's lease.
    if (isStopping) process.exit(1);
    isStopping = true;
    report({ event: "stopping", why });
    await relay.stop();
    report({ event: "stopped" });
    await end.exit();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => void stop(signal));
  // A parent that started us over IPC and is gone would leave us running with nobody to stop us.
  process.once("disconnect", () => void stop("the parent process is gone"));
}

main().catch((error: unknown) => {
  // Mistakes that an operator can put right need their text, not our stack.
  const text = error instanceof PortcullisError ? error.message : String((error as Error).stack ?? error);
  log.write(`relay: ${text}\n`);
  process.exit(1);
});
