import { readConfig } from "./config.ts";
import { configFileFromArguments, lines, listen, run, stopOnSignals } from "./lifecycle.ts";
import { createWebApp } from "./server.ts";

run(async () => {
  const config = readConfig(configFileFromArguments(process.argv.slice(2)));
  const app = await createWebApp({ config, logger: { level: "warn", stream: lines } });
  stopOnSignals(() => app.close());
  await listen(app, config.listen);
});
