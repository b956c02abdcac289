/** The load: wrk, which sends the tokens in turn, for a bounded time over a bounded number of connections. */
import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

const CONNECTIONS = 32;
export const WINDOW_SECONDS = 2;
/** `utime` and `stime` count these (sysconf(_SC_CLK_TCK), 100 on every Linux that Node runs on). */
const TICKS_PER_SECOND = 100;
const run = promisify(execFile);

export function writeScript(directory: string, name: string, tokens: readonly string[]): string {
  const tokenFile = join(directory, `${name}.tokens`);
  const script = join(directory, `${name}.lua`);
  writeFileSync(tokenFile, tokens.join("\n"));
  writeFileSync(
    script,
    `local requests, at = {}, 0
function init()
  for token in io.lines("${tokenFile}") do
    requests[#requests + 1] = wrk.format("GET", "/orders/7", { ["Authorization"] = "Bearer " .. token })
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end
`,
  );
  return script;
}

export interface Window {
  readonly requests: number;
  readonly cpuMicrosecondsPerRequest: number;
}

export async function loadWindow(target: { url: string; pid: number }, script: string): Promise<Window> {
  const before = cpuSeconds(target.pid);
  const { stdout } = await run("wrk", [
    "-t1",
    `-c${CONNECTIONS}`,
    `-d${WINDOW_SECONDS}s`,
    "-s",
    script,
    `${target.url}/orders/7`,
  ]);
  const cpu = cpuSeconds(target.pid) - before;
  if (/Non-2xx|Socket errors/.test(stdout)) throw new Error(`not every answer was 200:\n${stdout}`);
  const requests = Number(/(\d+) requests in/.exec(stdout)![1]);
  return { requests, cpuMicrosecondsPerRequest: (cpu * 1e6) / requests };
}

function cpuSeconds(pid: number): number {
  // The name in parentheses may hold spaces; what follows it does not.
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}
