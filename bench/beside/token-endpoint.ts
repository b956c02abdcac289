import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TokenServer } from "../token-endpoint/token-server.ts";
import type { Contender, Scenario } from "./contender.ts";

export const tokenEndpoint: Scenario = {
  rounds: 16,
  warmUp: 3,
  open: (trees) => Promise.all(trees.map(open)),
};

async function open(tree: string): Promise<Contender> {
  const dataDirectory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const server = await TokenServer.start({ name: "portcullis", tree, dataDirectory });
  return {
    measure: async () => ({ "client-credentials token, us": await server.window() }),
    async close() {
      server.stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}
