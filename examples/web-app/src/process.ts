/** Runs the app's server as a process of its own. */
import {
  createMetrics,
  listenError,
  managementListener,
  openManagement,
  runProcess,
  type Starting,
} from "@portcullis/service";
import { type Configuration, webAppConfiguration } from "./configuration.ts";
import { createWebApp } from "./server.ts";

await runProcess({
  name: "web-app",
  about: "A demo browser app: one page that calls the orders service every second.",
  reference: "examples/web-app/README.md",
  packageFile: new URL("../package.json", import.meta.url),
  configuration: webAppConfiguration,
  start,
});

async function start({ configuration, log, droppedLogLines }: Starting<Configuration>) {
  const { listen } = configuration;
  const app = await createWebApp({ configuration, log });
  const metrics = createMetrics({ families: [], droppedLogLines, ofProcess: true });
  // The page is whole before anything listens, and asks nobody: whoever can ask this has it.
  const sources = { readiness: () => ({ ready: true }), metrics: () => metrics.metrics() };
  try {
    const url = await app.listen({ ...listen }).catch((error: unknown) => {
      throw listenError(error, listen, "listen.port");
    });
    const management = await openManagement(managementListener(sources), configuration.management, log);
    return {
      addresses: { url, management: management.url },
      async stop() {
        await app.close();
        management.close();
      },
    };
  } catch (error) {
    await app.close();
    throw error;
  }
}
