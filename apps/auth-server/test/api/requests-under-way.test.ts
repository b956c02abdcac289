/** Calls that last: whoever loses the right to them in the middle does nothing more. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { Writable } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, beforeEach, describe, it } from "node:test";
import type { UserImportResult } from "@portcullis/protocol";
import { RecordedLog } from "@portcullis/testing";
import { exportRoute } from "../../src/api/users/export.ts";
import type { ServerUnderTest } from "../oidc/server-under-test.ts";
import {
  call,
  makeAdministrator,
  roleOf,
  signInToConsole,
  startAdministered,
} from "../roles/administration.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startAdministered();
});
after(() => server.stop());
beforeEach(async () => {
  for (const user of ["alice", "bob"]) {
    await call(server, `users/${user}/enable`, { method: "POST" });
    await makeAdministrator(server, user);
  }
});

/** The ways in which Alice loses the right to go on. */
const LOSSES = {
  "the role is taken": () => call(server, roleOf("alice"), { method: "DELETE" }),
  "the user is disabled": () => call(server, "users/alice/disable", { method: "POST", body: {} }),
};

const tokenOfAlice = async () => (await signInToConsole(server)).access_token;

/** An import whose lines are not all there yet. */
function opened(token: string) {
  const { hostname, port } = new URL(server.issuer);
  const request = httpRequest({
    hostname,
    port,
    path: "/api/v1/users/import",
    method: "POST",
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/x-ndjson",
      "transfer-encoding": "chunked",
    },
  });
  request.flushHeaders();
  const answered = once(request, "response").then(([response]) => response as IncomingMessage);
  return { request, answered };
}

const line = (username: string): string => `${JSON.stringify({ username })}\n`;
const isThere = async (user: string): Promise<boolean> =>
  (await call(server, `users/${user}`)).status === 200;

for (const [what, lose] of Object.entries(LOSSES)) {
  describe(`when ${what}`, () => {
    const key = what.replaceAll(" ", "-");

    it("an import that is open ends with a line that says so, and stores nobody more", async () => {
      const { request, answered } = opened(await tokenOfAlice());
      const before = Array.from({ length: 50 }, (_, at) => `${key}-before-${at}`);
      request.write(before.map(line).join(""));
      const response = await answered;
      assert.equal(response.statusCode, 200);
      const [first] = await once(response, "data");
      assert.equal(JSON.parse(String(first).split("\n")[0]!).result, "created");
      assert.equal((await lose()).status, 200);
      request.end(line(`${key}-after-1`) + line(`${key}-after-2`));
      const lines = `${first}${await text(response)}`.trimEnd().split("\n");
      const results = lines.map((result) => JSON.parse(result) as UserImportResult);
      assert.equal(results.length, 51);
      const { line: number, result, code } = results.at(-1)!;
      assert.deepEqual([number, result, code], [51, "failed", "invalid_token"]);
      assert.equal(await isThere(`${key}-before-49`), true);
      for (const user of [`${key}-after-1`, `${key}-after-2`]) assert.equal(await isThere(user), false);
    });
  });
}

it("an import answers each line when it has come, and waits for no other", async () => {
  const { request, answered } = opened(await tokenOfAlice());
  for (const number of [1, 2]) {
    request.write(line(`one-by-one-${number}`));
    const [answer] = await once(await answered, "data");
    const { line: at, result } = JSON.parse(String(answer)) as UserImportResult;
    assert.deepEqual([at, result], [number, "created"]);
  }
  request.end();
  assert.equal(await text(await answered), "");
});

it("an export is cut, and not ended, when its token has ended", async () => {
  const { storage } = server.server;
  const names = Array.from({ length: 210 }, (_, at) => `exported-${at}`);
  const { request, answered } = opened(await tokenOfAlice());
  request.end(names.map(line).join(""));
  await text(await answered);
  const log = new RecordedLog();
  const authority = { clients: { find: async () => undefined }, apiResource: `${server.issuer}/api` };
  const route = exportRoute({ storage, log, authority });
  const refusal = { status: 401, headers: {}, body: { error: "invalid_token", error_description: "" } };
  const answer = await route.handle({
    caller: { clientId: "admin", expiresAt: 2e9, claims: {} as never },
    path: undefined,
    query: { secrets: false },
    headers: undefined,
    body: undefined,
    upload: () => assert.fail("nothing is uploaded"),
    gone: () => new AbortController().signal,
    refusalNow: async () => refusal,
  });
  assert.ok("stream" in answer);
  const response = new Response();
  const closed = once(response, "close");
  answer.stream(response as never);
  await closed;
  assert.equal(response.text.trimEnd().split("\n").length, 200, "the page that was read before");
  assert.equal(response.writableEnded, false);
});

class Response extends Writable {
  text = "";
  writeHead(): void {}
  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
