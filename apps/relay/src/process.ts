/** Runs the relay as a process of its own. */
import { managementListener, openManagement, runProcess, type Starting } from "@portcullis/service";
import { type Configuration, relayConfiguration } from "./config/relay-configuration.ts";
import { createRelayMetrics } from "./metrics.ts";
import { startRelay } from "./relay.ts";

await runProcess({
  name: "relay",
  about: "Takes the revocation feed of an authorization server and serves it to many verifiers.",
  reference: "docs/reference/relay-configuration.md",
  packageFile: new URL("../package.json", import.meta.url),
  configuration: relayConfiguration,
  start,
});

async function start({ configuration, log, droppedLogLines }: Starting<Configuration>) {
  const relay = await startRelay({ configuration, log });
  const metrics = createRelayMetrics({ status: relay.status, droppedLogLines, ofProcess: true });
  const listener = managementListener({
    readiness: () => ({ ready: relay.status().ready, state: relay.status().state }),
    metrics: () => metrics.metrics(),
  });
  const management = await openManagement(listener, configuration.management, log).catch(async (error) => {
    await relay.stop();
    throw error;
  });
  relay.whenReady().then(
    () => log.info({ event: "ready" }),
    () => {}, // closed before it was ready
  );
  return {
    addresses: { url: relay.url, management: management.url, replica: relay.name },
    async stop() {
      await relay.stop();
      management.close();
    },
  };
}
