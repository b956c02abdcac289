import { connect } from "@portcullis/guard";
import { readConfig } from "./config.ts";
import { configFileFromArguments, lines, listen, run, say, stopOnSignals } from "./lifecycle.ts";
import { createOrdersService } from "./server.ts";

run(async () => {
  const config = readConfig(configFileFromArguments(process.argv.slice(2)));
  const guard = connect({
    issuer: config.issuer,
    audience: config.audience,
    clientId: config.verifier.clientId,
    clientSecret: config.verifier.clientSecret,
    name: "orders",
    log: {
      info: (event) => say("info", event),
      warn: (event) => say("warn", event),
      error: (event) => say("error", event),
    },
  });
  const app = await createOrdersService({
    guard,
    isReady: () => guard.replica.state === "live" || guard.replica.state === "lagging",
    gateway: config.gateway,
    logger: { level: "info", stream: lines },
  });
  stopOnSignals(async () => {
    await app.close();
    await guard.close();
  });
  await listen(app, config.listen);
});
