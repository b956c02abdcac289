import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  exchange,
  type Part,
  release,
  type Stack,
  type StackInfo,
  startProcess,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";
import { StalledLog } from "@portcullis/testing/stalled-log";

/** Run before the program is: a fault that nobody catches, when the signal comes. */
const INJECTED = `process.on("SIGUSR2", () => { throw new Error("an injected fault"); });`;

const PARTS: Record<Part, (info: StackInfo) => string> = {
  authServer: ({ issuer }) => `${issuer}/health/live`,
  gateway: ({ management }) => `${management}/livez`,
  service: ({ service }) => `${service}/health`,
  webApp: ({ webApp }) => webApp,
};

describe("every process", () => {
  let stack: Stack;

  before(async () => {
    stack = await startStack();
    // Only its files and addresses are wanted: each part is started anew, in the way that the test needs it.
    for (const part of Object.keys(PARTS) as Part[]) await stack.kill(part, "SIGTERM");
  });
  after(() => stack.stop());

  for (const [part, addressOf] of Object.entries(PARTS) as [Part, (info: StackInfo) => string][]) {
    it(`${part}: logs a fault that nobody caught, and exits with 1`, async () => {
      const process = start(part, ["--import", `data:text/javascript,${encodeURIComponent(INJECTED)}`]);
      await answers(addressOf(stack.info));
      process.child.kill("SIGUSR2");
      assert.deepEqual(await process.exited, { code: 1, signal: null });
      const fatal = process
        .errors()
        .split("\n")
        .find((line) => line.includes('"event":"fatal"'));
      assert.ok(fatal !== undefined, process.errors());
      const { origin, error } = JSON.parse(fatal);
      assert.deepEqual([origin, error.text], ["uncaughtException", "an injected fault"]);
    });

    it(`${part}: starts, answers and stops with a log that takes not one line`, async () => {
      using log = new StalledLog();
      log.fill();
      const process = start(part, [], log.writeEnd);
      const address = addressOf(stack.info);
      for (let count = 0; count < 50; count++) await answers(address);
      assert.deepEqual(await process.stop(), { code: 0, signal: null });
    });
  }

  function start(part: Part, flags: readonly string[], standardError: number | "pipe" = "pipe") {
    const [node, ...parameters] = stack.info.commands[part];
    const process = startProcess([node!, ...flags, ...parameters], {
      stdio: ["ignore", "ignore", standardError],
    });
    void process.exited.then(() => release(process.pid));
    return process;
  }

  const answers = (url: string) =>
    until(async () => (await exchange(url, { timeoutMs: 5_000 })).status < 600, {
      what: `an answer of ${url}`,
    });
});
