/** See README.md. Prints a table, and with `--json FILE` writes the same figures with method and machine. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Receipt } from "@portcullis/protocol";
import { ADMIN, bearerOf } from "../processes/clients.ts";
import { Part } from "../processes/start-part.ts";
import { saveResult, spreadOf } from "../save-result.ts";

const REVOCATIONS = 10_000;
const CALLERS = 64;
const VERIFIERS = 10;

const { values } = parseArgs({ options: { json: { type: "string" } } });
const directory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
const server = await Part.start("server", { dataDirectory: directory });
const issuer = server.started.issuer as string;
const verifiers = await Part.start("verifiers", { issuer, count: VERIFIERS });
const authorization = await bearerOf(issuer, ADMIN, "revocations.write");
try {
  await revoke(0);
  const result = await burst();
  console.table(result);
  const method = `${CALLERS} callers with one call each under way, ${VERIFIERS} verifiers in one process`;
  saveResult(values.json, { scenario: "burst", method, ...{ result } });
} finally {
  await verifiers.stop();
  await server.stop();
  rmSync(directory, { recursive: true, force: true });
}

async function burst() {
  const cpuBefore = await verifierCpuMs();
  const begun = Date.now();
  const times: number[] = [];
  let left = REVOCATIONS;
  let head = 0;
  const caller = async (): Promise<void> => {
    while (left-- > 0) {
      const start = performance.now();
      head = Math.max(head, (await revoke(0)).seq);
      times.push(performance.now() - start);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
  const storedMs = Date.now() - begun;
  const { reachedAt } = await verifiers.ask<{ reachedAt: number }>({ waitFor: head });
  const last = await revoke(5);
  if (last.state !== "enforced") throw new Error(`not enforced: ${JSON.stringify(last)}`);
  return {
    revocations: REVOCATIONS,
    storedMs,
    storedASecond: Math.round((REVOCATIONS / storedMs) * 1000),
    appliedByAllMs: reachedAt - begun,
    cpuMicrosecondsAVerifierAndRecord:
      (((await verifierCpuMs()) - cpuBefore) * 1000) / VERIFIERS / REVOCATIONS,
    ...spreadOf(times),
  };
}

async function verifierCpuMs(): Promise<number> {
  return (await verifiers.ask<{ cpuMs: number }>({ cpu: true })).cpuMs;
}

async function revoke(waitSeconds: number): Promise<Receipt> {
  const response = await fetch(`${issuer}/revocations`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json", prefer: `wait=${waitSeconds}` },
    body: JSON.stringify({
      scope: "session",
      key: randomBytes(16).toString("base64url"),
      reason: "kicked",
      foreign: true,
    }),
  });
  if (response.status >= 300) throw new Error(`${response.status} ${await response.text()}`);
  return (await response.json()) as Receipt;
}
