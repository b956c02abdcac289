import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import type { DescribedCall } from "../../../src/api/reference/described.ts";
import { samplesOf } from "../../../src/api/reference/show-call.ts";

const CALL: DescribedCall = {
  method: "PATCH",
  path: "/api/v1/users/{user}",
  operationId: "updateUser",
  tags: ["Users"],
  summary: "Change a user",
  security: [{ token: ["users.write"] }],
  parameters: [
    { name: "user", in: "path", schema: { example: "alice" } as object },
    { name: "If-Match", in: "header", schema: { example: '"7"' } as object },
  ],
  requestBody: { required: true, content: { "application/json": { example: { name: "Alice O'Neill" } } } },
  responses: {},
};

/** The arguments that a shell gives to curl. */
const argumentsOf = (sample: string): readonly string[] =>
  execFileSync("sh", ["-c", `curl() { printf '%s\\n' "$@"; }\n${sample}`], {
    encoding: "utf8",
    env: { TOKEN: "a.b.c" },
  })
    .trimEnd()
    .split("\n");

test("a call that is pasted into a shell arrives with its quotes and apostrophes", () => {
  assert.deepEqual(argumentsOf(samplesOf("https://id.example", CALL)), [
    "-X",
    "PATCH",
    "https://id.example/api/v1/users/alice",
    "-H",
    "Authorization: Bearer a.b.c",
    "-H",
    'If-Match: "7"',
    "-H",
    "Content-Type: application/json",
    "-d",
    `{"name":"Alice O'Neill"}`,
  ]);
});
