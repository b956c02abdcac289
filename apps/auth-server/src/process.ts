/** Runs the authorization server as a process of its own. */
import { setTimeout as passed } from "node:timers/promises";
import {
  createMetrics,
  listenError,
  managementListener,
  openManagement,
  runProcess,
  type Starting,
} from "@portcullis/service";
import { authServerConfiguration, type Configuration } from "./config/load.ts";
import { metricFamilies } from "./management/metrics.ts";
import { type AuthServer, createAuthServer } from "./server.ts";

await runProcess({
  name: "auth-server",
  about: "OAuth 2.0 and OpenID Connect authorization server, where logout means logout.",
  reference: "docs/reference/auth-server-configuration.md",
  packageFile: new URL("../package.json", import.meta.url),
  configuration: authServerConfiguration,
  start,
});

async function start(starting: Starting<Configuration>) {
  const { configuration, log } = starting;
  const server = await createAuthServer({ configuration, operatorLog: log });
  try {
    const url = await listen(server, configuration);
    const management = await openManagement(managementOf(server, starting), configuration.management, log);
    log.info({ event: "ready", issuer: configuration.issuer, port: Number(new URL(url).port) });
    return {
      addresses: { url, management: management.url },
      async stop() {
        server.announceStop();
        await passed(configuration.stopGraceSeconds * 1000);
        await server.close();
        management.close();
      },
    };
  } catch (error) {
    await server.close();
    throw error;
  }
}

async function listen(server: AuthServer, { listen: address }: Configuration): Promise<string> {
  try {
    return await server.listen();
  } catch (error) {
    throw listenError(error, address, "listen.port");
  }
}

function managementOf(server: AuthServer, { configuration, droppedLogLines }: Starting<Configuration>) {
  const { storage, revocations, requests, sessionStreams, outbox, redis } = server;
  const { maxLiveRevocations } = configuration;
  const metrics = createMetrics({
    families: metricFamilies({
      storage,
      readiness: server.readiness,
      revocations,
      requests,
      sessionStreams,
      outbox,
      redis,
      maxLiveRevocations,
    }),
    droppedLogLines,
    ofProcess: true,
  });
  return managementListener({
    readiness: async () => ({ ...(await server.readiness()) }),
    metrics: () => metrics.metrics(),
  });
}
