import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { promisify } from "node:util";
import { createKeySpace } from "@portcullis/revocation";
import { FakeFeed, FakeIssuer, TIME_LIMIT, VERIFIER } from "@portcullis/testing";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

test("the README's example runs, and gets a token", TIME_LIMIT, async () => {
  await using issuer = await FakeIssuer.start();
  const feed = new FakeFeed(issuer, createKeySpace);
  const code = /```js\n(.*?)```/s.exec(readme)![1]!;
  const options = ["--conditions=@portcullis/source", "--input-type=module", "--eval", code];
  const { stdout } = await promisify(execFile)(process.execPath, options, {
    cwd: new URL("..", import.meta.url),
    env: {
      ...process.env,
      ISSUER: issuer.issuer,
      CLIENT_ID: VERIFIER.clientId,
      CLIENT_SECRET: VERIFIER.clientSecret,
    },
  });
  assert.match(stdout, /^Bearer [\w-]{22}\n$/);
  assert.equal(feed.requests.token, 1);
});
