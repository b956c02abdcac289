/** Holds the source to the table of docs/decisions/0020-clocks-of-servers.md: no comparison of a stored time beside it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("../../../src/", import.meta.url));
const DECISION = fileURLToPath(
  new URL("../../../../../docs/decisions/0020-clocks-of-servers.md", import.meta.url),
);

/** How a stored time, or a clock, gets into a comparison or a subtraction; the group names what is compared. */
const COMPARISONS = [
  /where\(\s*"(?:\w+\.)?(\w*(?:_at|until))",\s*"(?:<=?|>=?)"/g,
  /\b(\w*(?:_at|_until|revokedAt|expiresAt|spentAt|loginTs|\biat))\b(?: \?\? 0)?\)? (?:<=?|>=?|-) /g,
  / (?:<=?|>=?|-) (?:[\w#!?]+\.)*(\w*(?:_at|_until|loginTs|\biat))\b/g,
  /(?:wallMs\(|Date\.now\(|(?:wholeSeconds|wallSecondsOf)\([\w.#]+)\)+ (?:<=?|>=?|-)()/g,
  / (?:<=?|>=?|-) (?:Math\.floor\()?(?:[\w#]+\.)*#?(?:wallMs|wholeSeconds|wallSecondsOf|Date\.now)\(()/g,
];

function comparisonsIn(text: string): string[] {
  return COMPARISONS.flatMap((pattern) => [...text.matchAll(pattern)].map(([, name]) => name || "a clock"));
}

function tableRows(): Map<string, string> {
  const rows = new Map<string, string>();
  for (const [, file, compares] of readFileSync(DECISION, "utf8").matchAll(
    /^\| `([\w/.-]+)` \| (.*?) \|/gm,
  )) {
    rows.set(file!, `${rows.get(file!) ?? ""} ${compares}`);
  }
  return rows;
}

/** Clocks that no hand sets, or that decide nothing about what is stored. */
const OTHER_CLOCKS = /^(?:limits|logging)\/|^revocations\/(?:many-servers|receipts|verifiers)\//;

test("every comparison of a stored time with a clock is in the table of decision 0020, and says how it fails", () => {
  const rows = tableRows();
  const files = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter(
    (file) => file.endsWith(".ts") && !file.includes("migrations/") && !OTHER_CLOCKS.test(file),
  );
  let found = 0;
  for (const file of files) {
    for (const name of comparisonsIn(readFileSync(`${SOURCE}${file}`, "utf8"))) {
      found++;
      const row = rows.get(file);
      const isListed =
        row !== undefined &&
        (name === "a clock" || row.includes(`\`${name}\``) || row.includes("themselves"));
      assert.ok(
        isListed,
        `${file} compares ${name}: ask StoredTimes (storage/stored-time.ts), or add it to the table of decision 0020 and to clocks.test.ts`,
      );
    }
  }
  assert.ok(found > 15, `${found} comparisons found: the patterns no longer fit the source`);
});

test("a raw comparison would be found", () => {
  for (const line of [
    `const ageMs = options.clock.wallMs() - row.spent_at;`,
    `if (row.spent_at > now) return false;`,
    `const left = until - this.#clock.wallMs();`,
    `const left = until - wholeSeconds(this.#clock);`,
    `const old = wholeSeconds(this.#clock) - LIFE;`,
    `.where("expires_at", ">", now)`,
    `const newer = (saved.loginTs ?? 0) - (before.loginTs ?? 0);`,
  ]) {
    assert.ok(comparisonsIn(line).length > 0, line);
  }
});
