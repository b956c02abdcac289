/** `main.ts --config FILE`: the server as a process. Run from its sources, whatever Node is told of packages. */
import { importSources } from "@portcullis/service/sources";

await importSources(async () => {
  await import("./load-library.ts");
  await import("./process.ts");
});
