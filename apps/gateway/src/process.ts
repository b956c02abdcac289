/** `main.ts --config gateway.yaml`: the gateway as a process. */
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { connect } from "@portcullis/guard";
import { PortcullisError, systemClock, systemTimer } from "@portcullis/protocol";
import { describeError, EndOfProcess, openStandardError } from "@portcullis/service";
import { pino } from "pino";
import type { Configuration } from "./config/configuration.ts";
import { loadConfiguration } from "./config/load-configuration.ts";
import { gatewayError } from "./errors.ts";
import { type Gateway, startGateway } from "./gateway.ts";
import { redisFeedOf } from "./redis/redis-feed-of.ts";
import { openSigningKey } from "./transaction-token/signing-key.ts";

const lines = openStandardError();
const logger = pino(
  { name: "gateway", base: { pid: process.pid }, serializers: { error: describeError } },
  lines,
);
lines.whenFlowingAgain((dropped) => logger.warn({ event: "log_lines_dropped", lines: dropped }));
const end = new EndOfProcess({ log: lines, reportFatal: (event) => logger.fatal(event) });

function readConfiguration(): Configuration {
  const { values } = parseArgs({ options: { config: { type: "string" } } });
  if (values.config === undefined) {
    throw gatewayError("configuration_invalid", { text: "usage: main.ts --config gateway.yaml" });
  }
  return loadConfiguration(values.config);
}

async function start(): Promise<Gateway> {
  const configuration = readConfiguration();
  const signingKey = openSigningKey(configuration.transactionToken.keyFile);
  const { clientId, clientSecret, name, feedEndpoint } = configuration.verifier;
  const audiences = configuration.routes.flatMap(({ requirements }) => requirements?.audience ?? []);
  // With public routes only there is nobody to ask; a guard wants an audience all the same.
  if (audiences.length === 0) audiences.push(configuration.issuer);
  const guard = connect({
    issuer: configuration.issuer,
    audience: [...new Set(audiences)],
    clientId,
    clientSecret,
    name,
    leaseMs: configuration.leaseMs,
    ...(feedEndpoint === undefined ? {} : { feedEndpoint }),
    log: (event) => logger.info(event),
    ...(configuration.redis && { feed: redisFeedOf(configuration.redis, logger) }),
  });
  return startGateway({
    configuration,
    guard,
    signingKey,
    log: logger,
    droppedLogLines: () => lines.dropped,
    clock: systemClock,
    randomBytes,
    setTimer: systemTimer,
  });
}

function stopOnSignals(gateway: Gateway): void {
  end.stopWith(() => gateway.stop());
  const stop = async (why: string): Promise<void> => {
    logger.info({ event: "stopping", why });
    await gateway.stop();
    logger.info({ event: "stopped" });
    await end.exit();
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => void stop(signal));
  // A parent that started us over IPC and is gone would leave us running with nobody to stop us.
  process.once("disconnect", () => void stop("the parent process is gone"));
}

try {
  const gateway = await start();
  stopOnSignals(gateway);
  logger.info({ event: "listening", url: gateway.url, management: gateway.managementUrl });
  process.send?.({ type: "ready", url: gateway.url, management: gateway.managementUrl });
} catch (error) {
  // Mistakes that an operator can put right need their text, not our stack.
  if (!(error instanceof PortcullisError)) throw error;
  lines.write(`gateway: ${error.message}\n`);
  process.exit(1);
}
