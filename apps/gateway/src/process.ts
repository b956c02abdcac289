/** Runs the gateway as a process of its own. */
import { randomBytes } from "node:crypto";
import { type ConnectedGuard, connect } from "@portcullis/guard";
import { type Log, systemClock, systemTimer } from "@portcullis/protocol";
import { runProcess } from "@portcullis/service";
import type { Configuration } from "./config/configuration.ts";
import { gatewayConfiguration } from "./config/gateway-configuration.ts";
import { startGateway } from "./gateway.ts";
import { redisFeedOf } from "./redis/redis-feed-of.ts";
import { openSigningKey } from "./transaction-token/signing-key.ts";

await runProcess({
  name: "gateway",
  about: "Reverse proxy that lets in who has a token, until the token is revoked.",
  reference: "docs/reference/gateway-configuration.md",
  packageFile: new URL("../package.json", import.meta.url),
  configuration: gatewayConfiguration,
  async start({ configuration, log, droppedLogLines }) {
    const signingKey = openSigningKey(configuration.transactionToken.keyFile);
    const gateway = await startGateway({
      configuration,
      guard: guardOf(configuration, log),
      signingKey,
      log,
      droppedLogLines,
      measuresProcess: true,
      clock: systemClock,
      randomBytes,
      setTimer: systemTimer,
    });
    return {
      addresses: { url: gateway.url, management: gateway.managementUrl },
      stop: () => gateway.stop(),
    };
  },
});

function guardOf({ issuer, verifier, routes, leaseMs, redis }: Configuration, log: Log): ConnectedGuard {
  const { clientId, clientSecret, name, feedEndpoint } = verifier;
  const audiences = routes.flatMap(({ requirements }) => requirements?.audience ?? []);
  // With public routes only there is nobody to ask; a guard wants an audience all the same.
  if (audiences.length === 0) audiences.push(issuer);
  return connect({
    issuer,
    audience: [...new Set(audiences)],
    clientId,
    clientSecret,
    name,
    leaseMs,
    ...(feedEndpoint === undefined ? {} : { feedEndpoint }),
    log,
    ...(redis && { feed: redisFeedOf(redis, log) }),
  });
}
