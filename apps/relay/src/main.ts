/** `main.ts --config relay.yaml`: the relay as a process. Run from its sources, whatever Node is told of packages. */
import { importSources } from "@portcullis/service/sources";

await importSources(() => import("./process.ts"));
