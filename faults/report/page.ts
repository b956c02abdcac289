import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { FAULTS } from "../faults.ts";
import { type FaultResult, loadResult, METHODS } from "./results.ts";

const PAGE = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "docs", "operations", "faults.md");

/** Written from what is kept of every fault's last run: a partial run changes only its own rows. */
export function writePage(): void {
  mkdirSync(dirname(PAGE), { recursive: true });
  writeFileSync(PAGE, renderPage(FAULTS.flatMap(({ name }) => loadResult(name) ?? [])));
}

function renderPage(results: readonly FaultResult[]): string {
  return `${[
    "# What was broken, and what held",
    "",
    "`npm run faults` writes this page. The figures of each row, with method and machine, are in `faults/results/`.",
    "Each fault is caused on real servers under load, and then mended. Everything has to come right by itself.",
    "",
    `**Method.** ${METHODS.cluster} The full disk: one authorization server on SQLite.`,
    "",
    "A *violation* is one of these:",
    "",
    "- a revoked token is answered 200, in a request that was sent after the receipt `enforced` arrived (or after",
    "  `enforcedBy`, or after the last lease has ended);",
    "- a gateway accepts a token that it has refused before;",
    "- a live token is answered 401 (an outage is 503);",
    "- when all is well again, a revoked token is accepted, or a live one is not;",
    "- when all is well again, a gateway does not have the state of SQL.",
    "",
    "*Lost* is a revocation that was answered 2xx and is not in SQL afterwards. All times are of one monotonic clock: that of",
    "the process that sends.",
    "",
    `**Machine.** ${unique(results.map(({ machine }) => machine))}`,
    "",
    "| fault | expected | rounds | revocations | requests | violations | lost | replicas and SQL | longest recovery | date (UTC) |",
    "|---|---|--:|--:|--:|--:|--:|---|--:|---|",
    ...results.map(row),
    "",
    "*Revocations*: how many were acknowledged, of those sent. *Longest recovery*: the time from mending until every gateway",
    "accepts live tokens, and both enforce a revocation that is made then.",
    "",
    ...failures(results),
    "## Not covered",
    "",
    "- Machines that fail together, a disk that lies about `fsync`, a network that changes packets.",
    "- PostgreSQL that fails over to a replica that lacks commits. Instead, tests (`apps/auth-server/test/revocations`) roll a",
    "  database back under two servers.",
    "- Redis Cluster and Sentinel under these faults. Other load balancers than HAProxy.",
    "- A gateway with a wrong clock answers 401 for tokens that look expired or not yet valid by its clock. These answers name no",
    "  revocation. They do not count as violations at that gateway while its clock is wrong.",
  ].join("\n")}\n`;
}

const unique = (texts: readonly string[]): string => [...new Set(texts)].join("; ") || "none yet";

function row(result: FaultResult): string {
  const { sent, acknowledged } = result.revocations;
  const cells = [
    result.title,
    result.expected,
    result.rounds,
    `${acknowledged} of ${sent}`,
    result.requests,
    result.violations === 0 ? "0" : `**${result.violations}**`,
    result.lost === 0 ? "0" : `**${result.lost}**`,
    AGREEMENTS[result.replicas],
    result.longestRecoveryMs === null ? "—" : `${(result.longestRecoveryMs / 1000).toFixed(1)} s`,
    result.date,
  ];
  return `| ${cells.join(" | ")} |`;
}

const AGREEMENTS: Record<FaultResult["replicas"], string> = {
  equal: "equal",
  unequal: "**differ**",
  "not compared": "**not compared**",
};

function failures(results: readonly FaultResult[]): string[] {
  const told = results.flatMap(({ title, failure, firstViolations }) => [
    ...(failure === undefined ? [] : [`- ${title}: not run to its end: ${firstLine(failure)}`]),
    ...firstViolations.slice(0, 3).map(({ rule, detail }) => `- ${title}: ${rule}: ${detail}`),
  ]);
  return told.length === 0 ? [] : ["## What did not hold", "", ...told, ""];
}

const firstLine = (text: string): string => text.split("\n", 1)[0]!;
