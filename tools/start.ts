/** `npm start`: everything on one machine. See launcher/README.md. */
import { addressesFrom, requireFreePorts } from "./launcher/addresses.ts";
import { announcement, contractOf } from "./launcher/announce.ts";
import { Children, startAll } from "./launcher/children.ts";
import { writeConfigurations } from "./launcher/configurations.ts";
import { openDataDirectory } from "./launcher/data-directory.ts";
import { openDemo } from "./launcher/demo.ts";
import { discoverEndpoints } from "./launcher/endpoints.ts";
import { type LauncherOptions, parseOptions, USAGE, UsageError } from "./launcher/options.ts";
import { untilVerifiersReady } from "./launcher/readiness.ts";

const say = (line: string): boolean => process.stderr.write(`${line}\n`);

async function start(options: LauncherOptions): Promise<void> {
  const addresses = addressesFrom(options.portBase);
  const data = openDataDirectory(options.dataDirectory, addresses);
  await requireFreePorts(addresses);
  const demo = openDemo(data);
  writeConfigurations({ addresses, demo, data });

  const children = new Children(data, say);
  const stopped = stopOnSignals(async () => {
    await children.stop();
    data.release();
  });
  say("Starting …");
  try {
    await startAll(children);
    await untilVerifiersReady(addresses, stopped);
  } catch (error) {
    if (stopped.aborted) return;
    await children.stop();
    throw error;
  }
  if (stopped.aborted) return;
  const endpoints = await discoverEndpoints(addresses.issuer);
  const started = { addresses, data, demo, endpoints, pids: children.pids };
  process.stdout.write(options.json ? `${JSON.stringify(contractOf(started))}\n` : announcement(started));
}

/** One stop, however many signals: npm and its scripts pass a terminal's Ctrl-C on a second time. */
function stopOnSignals(stop: () => Promise<void>): AbortSignal {
  const stopping = new AbortController();
  const onSignal = () => {
    if (stopping.signal.aborted) return;
    stopping.abort();
    say("Stopping …");
    stop().then(
      () => process.exit(0),
      (error: unknown) => fail(error),
    );
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);
  // Started by tools/run.mjs, and that is gone: nobody is left who could stop us.
  if (process.connected) process.on("disconnect", onSignal);
  return stopping.signal;
}

function fail(error: unknown): never {
  say(error instanceof Error ? error.message : String(error));
  process.exit(error instanceof UsageError ? 2 : 1);
}

function main(): void {
  try {
    const options = parseOptions(process.argv.slice(2), process.env.INIT_CWD ?? process.cwd());
    if (options === "help") process.stdout.write(`${USAGE}\n`);
    else start(options).catch(fail);
  } catch (error) {
    fail(error);
  }
}

main();
