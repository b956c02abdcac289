import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { MODES, REASONS, SCOPES } from "@portcullis/protocol";
import { checkDocs, writeErrorReference } from "../check-docs.ts";
import { treeOf } from "./tree-of.ts";

const words = [...SCOPES, ...MODES, ...REASONS].map((word) => `| \`${word}\` | means something |`);
const rows = Array.from({ length: 17 }, (_, index) => `| A${index + 1} | works |`);
const SOUND: Readonly<Record<string, string>> = {
  "package.json": '{ "scripts": { "check": "" } }',
  "README.md": ["See [the words](docs/reference/revocations.md#top), `npm run check`.", ...rows].join("\n"),
  "docs/reference/revocations.md": words.join("\n"),
  "packages/guard/src/errors.ts": `const x = errorsOf({
  one_line: { status: 400, text: "A \\"quoted\\" text." },
  "other": {
    status: 503,
    text: "Of several lines.",
  },
  single: { status: 500, text: 'It has "quotes".' },
});`,
};

function complaintsAbout(t: TestContext, changes: Record<string, string>): string[] {
  const tree = treeOf({ ...SOUND, ...changes }, t);
  writeErrorReference(tree);
  return checkDocs(tree);
}

test("has nothing against documentation that is current, and documents errors however they are quoted", (t) => {
  const tree = treeOf(SOUND, t);
  writeErrorReference(tree);
  assert.deepEqual(checkDocs(tree), []);
  const page = tree.readText("docs/reference/errors.md");
  assert.match(page, /^\| guard \| `one_line` \| 400 \| A "quoted" text\. \|$/m);
  assert.match(page, /^\| guard \| `other` \| 503 \| Of several lines\. \|$/m);
  assert.match(page, /^\| guard \| `single` \| 500 \| It has "quotes"\. \|$/m);
});

test("complains of an error reference that is old or missing", (t) => {
  const tree = treeOf(SOUND, t);
  mkdirSync(join(tree.root, "docs"), { recursive: true });
  assert.match(checkDocs(tree).join("\n"), /^docs\/reference\/errors\.md is not current/);
});

const COMPLAINTS: Record<string, { changes: Record<string, string>; complaint: RegExp }> = {
  "an error that the reference would silently lack": {
    changes: { "apps/gateway/src/errors.ts": "errorsOf({ lost: { status: 400, text: `a template` } })" },
    complaint: /^apps\/gateway\/src\/errors\.ts: 1 errors are written in a way/,
  },
  "a link that leads nowhere": {
    changes: { "docs/guide.md": "[there](reference/revocations.md) [gone](reference/gone.md#here)" },
    complaint: /^docs\/guide\.md: the link to reference\/gone\.md leads nowhere$/,
  },
  "an event of the log that no page explains": {
    changes: {
      "apps/gateway/src/x.ts": 'log.warn({ event: isOver ? "it_came" : "it_went", error });',
      "packages/revocation/src/y.ts": 'const EVENTS = {\n  lost: "warn",\n};',
      "docs/reference/gateway-configuration.md": "| `warn` | `it_came`, `lost` | It came, or was lost. |",
    },
    complaint: /^apps\/gateway\/src\/x\.ts: the event `it_went` is explained on none of /,
  },
  "a key in a table of events that no page explains": {
    changes: { "packages/revocation/src/y.ts": 'const EVENTS = {\n  lost: "warn",\n} as const;' },
    complaint: /^packages\/revocation\/src\/y\.ts: the event `lost` is explained on none of /,
  },
  "a line of the log that is not as the log has it": {
    changes: {
      "docs/guide.md": [
        '{"level":"info","time":"...","process":"relay","pid":1,"event":"ready"}',
        '{"level":"info","name":"relay","event":"stopped"}',
      ].join("\n"),
    },
    complaint: /^docs\/guide\.md: a line of the log begins with .*found \{"level":"info","name":"relay"/,
  },
  "a picture that is not there": {
    changes: { "docs/guide.md": "![how](how.svg)" },
    complaint: /the link to how\.svg leads nowhere/,
  },
  "a comment that names a file which moved": {
    changes: {
      "packages/guard/src/steps.ts": "/** Why: guard/gone-away.ts, and not guard/steps.ts. */",
      "docs/guide.md": "[the steps](../packages/guard/src/steps.ts)",
    },
    complaint: /^packages\/guard\/src\/steps\.ts: there is no file guard\/gone-away\.ts$/,
  },
  "a page that names a file which is not there": {
    changes: { "docs/guide.md": "First `connect.ts`." },
    complaint: /^docs\/guide\.md: there is no file connect\.ts$/,
  },
  "a command that does not exist": {
    changes: { "docs/guide.md": "npm run check && npm run deploy" },
    complaint: /there is no command "npm run deploy"/,
  },
  "a reason that is not explained": {
    changes: { "docs/reference/revocations.md": words.filter((row) => !row.includes("kicked")).join("\n") },
    complaint: /`kicked` is not explained/,
  },
  "a reason that does not exist": {
    changes: { "docs/reference/revocations.md": [...words, "| `bored` | never |"].join("\n") },
    complaint: /`bored` does not exist/,
  },
  "a status row that is missing": {
    changes: { "README.md": rows.slice(0, -1).join("\n") },
    complaint: /the status table has no row A17/,
  },
};

for (const [what, { changes, complaint }] of Object.entries(COMPLAINTS)) {
  test(`complains of ${what}`, (t) => {
    const complaints = complaintsAbout(t, changes);
    assert.equal(complaints.length, 1, complaints.join("\n"));
    assert.match(complaints[0]!, complaint);
  });
}

test("names a test that a page gives as its proof, and that is not there", (t) => {
  const page =
    "Tried in `packages/guard/test/guard`, `packages/guard/test/shared` and `apps/gateway/test/all`.";
  const files = { "docs/threat-model.md": page, "packages/guard/test/guard.test.ts": "" };
  assert.deepEqual(
    complaintsAbout(t, files).filter((complaint) => /no test/.test(complaint)),
    ["packages/guard/test/shared", "apps/gateway/test/all"].map(
      (name) => `docs/threat-model.md: there is no test ${name}`,
    ),
  );
});
