import assert from "node:assert/strict";
import { test } from "node:test";
import { secret } from "@portcullis/service";
import { z } from "zod";
import {
  type ConfigurationReference,
  checkConfigurationReferences,
  writeConfigurationReferences,
} from "../configuration-reference.ts";
import { treeOf } from "./tree-of.ts";

const PLACE =
  "# Settings\n\n<!-- Settings, made from the schema: npm run check -- --write -->\n<!-- End of settings -->\n\nMore.\n";
const port = z.int().min(1).max(10);
const references = (shape: z.ZodRawShape): ConfigurationReference[] => [
  { page: "settings.md", schema: z.strictObject(shape) },
];

test("the table has every setting, with its kind, default, name in the environment and words", (t) => {
  const tree = treeOf({ "settings.md": PLACE }, t);
  const described = references({
    port: port.describe("A port | or so."),
    key: secret(z.string().optional().describe("A key.")),
    routes: z.array(z.strictObject({ path: z.string().default("/").describe("Where.") })).describe("Routes."),
    store: z
      .discriminatedUnion("kind", [
        z.strictObject({ kind: z.literal("memory").describe("Which.") }),
        z.strictObject({ kind: z.literal("disk"), path: z.string().describe("Where.") }),
      ])
      .describe("Store."),
  });
  assert.match(checkConfigurationReferences(tree, described).join(), /is not current/);
  writeConfigurationReferences(tree, described);
  assert.deepEqual(checkConfigurationReferences(tree, described), []);
  const page = tree.readText("settings.md");
  for (const row of [
    "| `port` | whole number, 1 to 10 | **required** | `PORTCULLIS_PORT` | A port \\| or so. |",
    "| `key` | secret text |  | `PORTCULLIS_KEY` | A key. |",
    "| `keyFile` | text |  | `PORTCULLIS_KEY_FILE` | Path of a file with `key`: relative to the configuration file, or in the environment to the working directory. |",
    "| `routes` | list, each with | **required** | `PORTCULLIS_ROUTES` | Routes. |",
    "| `routes[].path` | text | `/` |  | Where. |",
    "| `store.kind` | `memory`, `disk` | **required** | `PORTCULLIS_STORE_KIND` | Which. |",
    "| `store.path` | text | **required** | `PORTCULLIS_STORE_PATH` | Where. With `disk`. |",
  ]) {
    assert.ok(page.includes(`\n${row}\n`), row);
  }
  assert.ok(page.startsWith("# Settings\n") && page.endsWith("\nMore.\n"));
});

test("an old table, a page without a place for it, and a setting without words are told", (t) => {
  const tree = treeOf({ "settings.md": PLACE, "bare.md": "# Bare\n" }, t);
  writeConfigurationReferences(tree, references({ port: port.describe("A port.") }));
  const changed = references({ port: port.describe("Another port.") });
  assert.deepEqual(checkConfigurationReferences(tree, changed), [
    "settings.md is not current; run: npm run check -- --write",
  ]);
  assert.match(
    checkConfigurationReferences(tree, references({ port })).join("\n"),
    /^settings\.md: the schema has no words for port$/m,
  );
  const bare = [{ page: "bare.md", schema: z.strictObject({}) }];
  assert.match(checkConfigurationReferences(tree, bare).join(), /^bare\.md: needs the lines/);
});
