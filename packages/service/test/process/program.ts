/** A process of ours that does nothing but listen: what the tests of the process run. */
import { fileURLToPath, pathToFileURL } from "node:url";
import { createMetrics, managementListener, openManagement, runProcess } from "@portcullis/service";
import { definition } from "../configuration/a-configuration.ts";

await runProcess({
  name: "program",
  about: "Does nothing.",
  reference: "docs/reference/program.md",
  packageFile: new URL("../../package.json", pathToFileURL(fileURLToPath(import.meta.url))),
  configuration: definition,
  switches: [{ name: "stop-badly", description: "fail when stopping" }],
  async start({ log, droppedLogLines, switches, configuration }) {
    const metrics = createMetrics({ droppedLogLines, families: [], ofProcess: true });
    const sources = { readiness: () => ({ ready: true }), metrics: () => metrics.metrics() };
    const address = { host: "127.0.0.1", port: 0, isChosen: true };
    const management = await openManagement(managementListener(sources), address, log);
    if (configuration.audience === "a bug") throw new TypeError("a bug");
    return {
      addresses: { url: configuration.issuer, management: management.url },
      async stop() {
        management.close();
        if (switches.has("stop-badly")) throw new Error("it would not stop");
      },
    };
  },
});
