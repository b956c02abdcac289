import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadWindow, writeScript } from "../gateway/load.ts";
import { type ProxyProcess, startGateway, startService } from "../gateway/proxies.ts";
import { startScenario } from "../gateway/scenario.ts";
import type { Contender, Scenario } from "./contender.ts";

/** One service, one issuer and the same tokens for both gateways. */
export const gateway: Scenario = { rounds: 12, warmUp: 2, open };

async function open(trees: readonly string[]): Promise<readonly Contender[]> {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const scenario = await startScenario();
  const service = await startService(directory);
  const context = { directory, scenario, servicePort: Number(new URL(service.url).port) };
  const script = writeScript(directory, "es256", scenario.es256.tokens);
  const gateways: ProxyProcess[] = [];
  for (const [at, tree] of trees.entries()) {
    gateways.push(await startGateway(context, { tree, name: `gateway-${at}` }));
  }
  const shared = async () => {
    await service.stop();
    await scenario.close();
    rmSync(directory, { recursive: true, force: true });
  };
  return gateways.map((proxy, at) => ({
    measure: async () => ({ "request, us": (await loadWindow(proxy, script)).cpuMicrosecondsPerRequest }),
    async close() {
      await proxy.stop();
      if (at === gateways.length - 1) await shared();
    },
  }));
}
