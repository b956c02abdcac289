import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ADMIN, bearerOf } from "../processes/clients.ts";
import { spreadOf } from "../save-result.ts";
import type { Contender, Scenario } from "./contender.ts";

type Processes = typeof import("../processes/start-part.ts");
type Calls = typeof import("../propagation/revoke-session.ts");

const VERIFIERS = 10;
const REVOCATIONS_PER_WINDOW = 40;

/** Wall time: the rest of the machine counts too, and so do the processes of the other checkout, which only idle. */
export const propagation: Scenario = {
  rounds: 12,
  warmUp: 1,
  open: (trees) => Promise.all(trees.map(open)),
};

async function open(tree: string): Promise<Contender> {
  const { Part } = (await import(join(tree, "bench/processes/start-part.ts"))) as Processes;
  const { revokeSession } = (await import(join(tree, "bench/propagation/revoke-session.ts"))) as Calls;
  const dataDirectory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const server = await Part.start("server", { dataDirectory });
  const issuer = server.started.issuer as string;
  const verifiers = await Part.start("verifiers", { issuer, count: VERIFIERS });
  return {
    async measure() {
      const authorization = await bearerOf(issuer, ADMIN, "revocations.write");
      const times: number[] = [];
      for (let left = REVOCATIONS_PER_WINDOW; left > 0; left--) {
        times.push(await revokeSession({ issuer, authorization, verifiers: VERIFIERS }));
      }
      return { [`receipt of ${VERIFIERS} verifiers, p50 ms`]: spreadOf(times).p50Ms };
    },
    async close() {
      await verifiers.stop();
      await server.stop();
      rmSync(dataDirectory, { recursive: true, force: true });
    },
  };
}
