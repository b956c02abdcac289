import { isDeepStrictEqual } from "node:util";
import { verifierListSchema } from "@portcullis/protocol";
import { until } from "@portcullis/testing/end-to-end";
import type { Bed } from "../bed/bed.ts";
import type { LogRow } from "../bed/sql.ts";
import type { Workload } from "../workload/workload.ts";
import type { Revocation, Token } from "./words.ts";

export type Agreement = "equal" | "unequal";

export interface Aftermath {
  readonly lost: number;
  readonly replicas: Agreement;
}

const AGREE_MS = 10_000;
const ANSWER_MS = 15_000;
const LANES = 8;

/** When all is mended and no revocation is under way: nothing acknowledged is lost, and everybody agrees. */
export async function judgeAftermath(workload: Workload, bed: Bed): Promise<Aftermath> {
  const made = workload.revocations.made.splice(0);
  const lost = await countLost(workload, bed, made);
  const replicas = await compareReplicas(workload, bed);
  await askForAll(workload, made);
  return { lost, replicas };
}

async function countLost({ checker }: Workload, bed: Bed, made: readonly Revocation[]): Promise<number> {
  const claimed = made.flatMap(({ target, outcome }) =>
    outcome.state === "acknowledged" ? [{ target, seq: outcome.receipt.seq }] : [],
  );
  const rows = await bed.sql.rows(claimed.map(({ seq }) => seq));
  const bySeq = new Map(rows.map((row) => [row.seq, row]));
  let lost = 0;
  for (const { seq, target } of claimed) {
    const row = bySeq.get(seq);
    if (row === undefined) {
      lost++;
      checker.report("acknowledged revocation lost", `seq ${seq} (${target.scope}) is not in SQL`);
    } else if (!says(row, target)) {
      lost++;
      checker.report("acknowledged revocation changed", `seq ${seq} is in SQL as ${row.scope} ${row.key}`);
    }
  }
  return lost;
}

function says(row: LogRow, target: Revocation["target"]): boolean {
  if (row.scope !== target.scope || !("key" in target)) return row.scope === target.scope;
  if (typeof target.key === "string") return row.key === target.key;
  return isDeepStrictEqual(JSON.parse(row.key ?? "{}"), target.key);
}

/** Equal by digest and chain, as the replicas report them and the server computes them from SQL. */
async function compareReplicas(workload: Workload, bed: Bed): Promise<Agreement> {
  let difference: string | undefined;
  const areEqual = async () => {
    difference = await findDifference(workload, bed);
    return difference === undefined;
  };
  try {
    await until(areEqual, { what: "all replicas to equal SQL", withinMs: AGREE_MS, everyMs: 100 });
    return "equal";
  } catch (error) {
    workload.checker.report("replica differs from SQL", difference ?? String((error as Error).cause));
    return "unequal";
  }
}

async function findDifference({ administrator }: Workload, bed: Bed): Promise<string | undefined> {
  const head = await bed.sql.head();
  const replicas = await Promise.all(bed.gateways.map((gateway) => gateway.replica()));
  const behind = replicas.filter(({ applied }) => applied !== head);
  if (behind.length > 0) {
    const told = behind.map(({ name, applied }) => `${name} has applied ${applied}`).join(", ");
    return `head in SQL is ${head}; ${told}`;
  }
  const reported = await administrator.read("/revocations/verifiers");
  if (reported?.status !== 200) return `verifiers: ${reported?.status ?? "no answer"}`;
  const { verifiers } = verifierListSchema.parse(reported.body);
  const wrong = replicas.flatMap(({ name }) => {
    const report = verifiers.find((verifier) => verifier.name === name);
    // A replica that has reported nothing that can be compared has not been shown to be equal.
    return report?.agrees === true && report.applied === head ? [] : [JSON.stringify(report ?? { name })];
  });
  return wrong.length === 0 ? undefined : `head in SQL is ${head}; ${wrong.join(", ").slice(0, 500)}`;
}

/** Every token that an acknowledged revocation covers is refused at every gateway, and the live ones are accepted. */
async function askForAll(workload: Workload, made: readonly Revocation[]): Promise<void> {
  const dead = new Set(
    made.filter(({ outcome }) => outcome.state === "acknowledged").flatMap(({ covers }) => covers),
  );
  const live = new Set(workload.pool.steady());
  const questions = workload.doors.flatMap((door) => [
    ...[...dead].map((token) => ({ door, token, expected: 401 })),
    ...[...live].map((token) => ({ door, token, expected: 200 })),
  ]);
  const lane = async (): Promise<void> => {
    for (let next = questions.pop(); next !== undefined; next = questions.pop()) await askFor(workload, next);
  };
  await Promise.all(Array.from({ length: LANES }, lane));
}

async function askFor(
  { requests, checker }: Workload,
  { door, token, expected }: { door: { name: string; url: string }; token: Token; expected: number },
): Promise<void> {
  const status = await requests.ask(door, token, ANSWER_MS);
  if (status === expected) return;
  const rule =
    expected === 401
      ? "revoked token not refused when all was well again"
      : "live token not accepted when all was well again";
  const scopes = token.coveredBy.map(({ target }) => target.scope).join(", ");
  checker.report(
    rule,
    `${door.name} answered ${status ?? "nothing"} for a token (revoked: ${scopes || "never"})`,
  );
}
