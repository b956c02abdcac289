/** `npm start`: everything on one machine. See launcher/README.md. */
import { type Addresses, addressesFrom, requireFreePorts } from "./launcher/addresses.ts";
import { announcement, contractOf } from "./launcher/announce.ts";
import { Children, startAll } from "./launcher/children.ts";
import { writeConfigurations } from "./launcher/configurations.ts";
import { openDataDirectory } from "./launcher/data-directory.ts";
import { openDemo } from "./launcher/demo.ts";
import { discoverEndpoints } from "./launcher/endpoints.ts";
import { type Certificate, certificateFor, NetworkEntry, trust } from "./launcher/network-entry.ts";
import { type LauncherOptions, parseOptions, UsageError } from "./launcher/options.ts";
import { untilVerifiersReady } from "./launcher/readiness.ts";
import { seedLines } from "./launcher/seeds.ts";
import { usageOf } from "./usage.ts";

const say = (line: string): boolean => process.stderr.write(`${line}\n`);

async function start(options: LauncherOptions): Promise<void> {
  const addresses = addressesFrom(options.portBase, options.host);
  const data = openDataDirectory(options.dataDirectory, addresses);
  await requireFreePorts(addresses);
  const demo = openDemo(data);
  const kept = writeConfigurations({ addresses, demo, data, reset: options.resetConfig });
  const certificate = options.host === undefined ? undefined : certificateFor(options.host, data);
  const entry = certificate === undefined ? undefined : await openEntry(addresses, certificate);

  const children = new Children({ data, certificate }, say);
  const stop = async () => {
    await children.stop();
    await entry?.close();
    data.release();
  };
  const stopped = stopOnSignals(stop);
  say("Starting …");
  try {
    await startAll(children);
    await untilVerifiersReady(addresses, stopped);
  } catch (error) {
    if (stopped.aborted) return;
    await stop();
    throw withHint(error, kept);
  }
  if (stopped.aborted) return;
  for (const line of seedLines(children.logOf("authServer"), "auth-server.json")) say(line);
  const endpoints = await discoverEndpoints(addresses.issuer);
  const started = { addresses, data, demo, endpoints, certificate, kept, pids: children.pids };
  process.stdout.write(options.json ? `${JSON.stringify(contractOf(started))}\n` : announcement(started));
}

async function openEntry(addresses: Addresses, certificate: Certificate): Promise<NetworkEntry> {
  trust(certificate);
  return NetworkEntry.open(addresses, certificate);
}

function withHint(error: unknown, kept: readonly string[]): Error {
  const text = error instanceof Error ? error.message : String(error);
  const which =
    kept.length === 1 ? "it anew, and throws that edit away" : "them anew, and throws those edits away";
  const hint = `You have edited ${kept.join(", ")}; npm start -- --reset-config writes ${which}.`;
  return new Error(kept.length === 0 ? text : `${text}\n${hint}`, { cause: error });
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
    if (options === "help") process.stdout.write(usageOf("start"));
    else start(options).catch(fail);
  } catch (error) {
    fail(error);
  }
}

main();
