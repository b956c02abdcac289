import { Agent } from "node:http";
import { bearer, challengeOf, type Exchange, exchange } from "./exchange.ts";

export interface Call {
  readonly way: string;
  readonly status: number;
  readonly reason: string | undefined;
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** Calls with one token, without a pause, on every way given, until stopped. */
export interface Load {
  readonly calls: readonly Call[];
  readonly failures: readonly unknown[];
  stop(): Promise<readonly Call[]>;
}

export function startLoad(options: {
  ways: Readonly<Record<string, string>>;
  token: string;
  lanes?: number;
}): Load {
  const agent = new Agent({ keepAlive: true });
  const calls: Call[] = [];
  const failures: unknown[] = [];
  let stopped = false;
  const lane = async (way: string, url: string): Promise<void> => {
    while (!stopped) {
      try {
        calls.push(asCall(way, await exchange(url, { headers: bearer(options.token), agent })));
      } catch (error) {
        failures.push(error);
      }
    }
  };
  const lanes = Object.entries(options.ways).flatMap(([way, url]) =>
    Array.from({ length: options.lanes ?? 2 }, () => lane(way, url)),
  );
  return {
    calls,
    failures,
    async stop() {
      stopped = true;
      await Promise.all(lanes);
      agent.destroy();
      return calls;
    },
  };
}

function asCall(way: string, answer: Exchange): Call {
  const reason = challengeOf(answer)?.reason;
  return { way, status: answer.status, reason, sentAt: answer.sentAt, answeredAt: answer.answeredAt };
}
