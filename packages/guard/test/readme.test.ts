import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createKeySpace } from "@portcullis/revocation";
import { FakeFeed, FakeIssuer, TIME_LIMIT, VERIFIER } from "@portcullis/testing";
import { freePort } from "@portcullis/testing/ports";
import { DENIALS } from "../src/index.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README lists every code there is, with its status and error, and no other", () => {
  const listed = [...readme.matchAll(/^\| `(\w+)` +\| (\d+) +\| `(\w+)` +\|$/gm)].map((match) =>
    match.slice(1, 4),
  );
  const actual = Object.entries(DENIALS).map(([code, { status, error }]) => [code, `${status}`, error]);
  assert.deepEqual(listed.sort(), actual.sort());
});

test("the README's example runs, and guards", TIME_LIMIT, async () => {
  await using issuer = await FakeIssuer.start();
  new FakeFeed(issuer, createKeySpace);
  const port = await freePort();
  const example = runExample({
    ISSUER: issuer.issuer,
    CLIENT_ID: VERIFIER.clientId,
    CLIENT_SECRET: VERIFIER.clientSecret,
    PORT: `${port}`,
  });
  try {
    const headers = { authorization: `Bearer ${issuer.mint()}` };
    const answer = await firstAnswer(`http://127.0.0.1:${port}/`, headers, example);
    assert.equal(await answer.text(), "hello user-1");
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 401);
  } finally {
    const exited = once(example, "exit");
    example.kill("SIGKILL");
    await exited;
  }
});

function runExample(environment: Record<string, string>): ChildProcess {
  const code = /```js\n(.*?)```/s.exec(readme)![1]!;
  const options = ["--conditions=@portcullis/source", "--input-type=module", "--eval", code];
  return spawn(process.execPath, options, {
    cwd: new URL("..", import.meta.url),
    env: { ...process.env, ...environment },
    stdio: ["ignore", "inherit", "inherit"],
  });
}

/** The example says nothing when it is ready, so it is asked until it is: 503 and no answer mean not yet. */
async function firstAnswer(
  url: string,
  headers: Record<string, string>,
  example: ChildProcess,
): Promise<Response> {
  while (example.exitCode === null) {
    const answer = await fetch(url, { headers }).catch(() => undefined);
    if (answer !== undefined && answer.status !== 503) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`the example ended with ${example.exitCode}`);
}
