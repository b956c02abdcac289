/** Holds the sources to what request-state.ts says of its fields: each is written in one place. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../src/oidc/", import.meta.url));
const sources = new Map(
  readdirSync(FOLDER, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => [file, readFileSync(`${FOLDER}${file}`, "utf8")]),
);

/** Field -> the file that its comment names as its writer. */
function namedWriters(): Map<string, string> {
  const text = sources.get("request-state.ts")!;
  const fields = text.matchAll(/ By ([\w/-]+\.ts)\. \*\/\n {2}(\w+)\?:/g);
  return new Map([...fields].map(([, writer, field]) => [field!, writer!]));
}

/** Through `requestState(...)`, or through a name that it was given. */
function writersOf(field: string): string[] {
  const writing = new RegExp(`(?:requestState\\([^)]*\\)|\\bstate\\(\\))\\.${field} = `, "g");
  return [...sources].flatMap(([file, text]) => [...text.matchAll(writing)].map(() => file));
}

test("each field of a request's state is written in the one place that is named at it", () => {
  const named = namedWriters();
  assert.ok(named.size >= 6, `${named.size} fields found: the pattern no longer fits`);
  for (const [field, writer] of named) assert.deepEqual(writersOf(field), [writer], field);
});

test("nothing is told from part to part beside the typed state", () => {
  for (const [file, text] of sources) {
    if (file !== "request-state.ts") assert.doesNotMatch(text, /ctx\??\.state\b/, file);
  }
});
