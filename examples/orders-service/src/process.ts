/** Runs the service as a process of its own. */
import { connect } from "@portcullis/guard";
import {
  createMetrics,
  listenError,
  managementListener,
  openManagement,
  runProcess,
  type Starting,
} from "@portcullis/service";
import { type Configuration, ordersServiceConfiguration } from "./configuration.ts";
import { createOrdersService } from "./server.ts";

await runProcess({
  name: "orders-service",
  about: "A demo API with a guard of its own.",
  reference: "examples/orders-service/README.md",
  packageFile: new URL("../package.json", import.meta.url),
  configuration: ordersServiceConfiguration,
  start,
});

async function start({ configuration, log, droppedLogLines }: Starting<Configuration>) {
  const { issuer, audience, verifier, listen } = configuration;
  const { clientId, clientSecret } = verifier;
  const guard = connect({ issuer, audience, clientId, clientSecret, name: "orders", log });
  const isReady = () => guard.replica.state === "live" || guard.replica.state === "lagging";
  const app = await createOrdersService({ guard, isReady, gateway: configuration.gateway, log });
  const close = async () => {
    await app.close();
    await guard.close();
  };
  const metrics = createMetrics({ families: [], droppedLogLines, ofProcess: true });
  const sources = { readiness: () => ({ ready: isReady() }), metrics: () => metrics.metrics() };
  try {
    const url = await app.listen({ ...listen }).catch((error: unknown) => {
      throw listenError(error, listen, "listen.port");
    });
    const management = await openManagement(managementListener(sources), configuration.management, log);
    return {
      addresses: { url, management: management.url },
      async stop() {
        await close();
        management.close();
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}
