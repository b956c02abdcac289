import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BedKind } from "../bed/bed.ts";
import type { Fault } from "../rounds/fault.ts";
import type { FaultFigures } from "../rounds/run-fault.ts";

/** What is kept of a fault's last run: `results/NAME.json`. */
export interface FaultResult extends FaultFigures {
  readonly fault: string;
  readonly title: string;
  readonly expected: string;
  readonly method: string;
  readonly machine: string;
  readonly date: string;
}

const FOLDER = join(dirname(fileURLToPath(import.meta.url)), "..", "results");

const LOAD =
  "all real processes on one machine. During each round about 25 revocations a second of tokens, sessions, grants, " +
  "subjects and clients, and about 160 requests a second with live, dying and revoked tokens, one at each gateway in " +
  "the moment in which each receipt arrives.";
export const METHODS: Readonly<Record<BedKind, string>> = {
  cluster:
    "Two authorization servers on one PostgreSQL (fsync on) and one Redis behind HAProxy (round robin), two gateways " +
    `(freshness closed, 3 s; one on the Redis feed, one on HTTP), ${LOAD}`,
  "small-disk": `One authorization server on SQLite behind HAProxy, two gateways (freshness closed, 3 s), ${LOAD}`,
};

export function saveResult(fault: Fault, figures: FaultFigures): void {
  mkdirSync(FOLDER, { recursive: true });
  const { name, title, expected } = fault;
  const date = new Date().toISOString().slice(0, 16).replace("T", " ");
  const result = {
    fault: name,
    title,
    expected,
    method: METHODS[fault.bed],
    machine: machine(),
    date,
    ...figures,
  };
  writeFileSync(fileOf(name), `${JSON.stringify(result, null, 2)}\n`);
}

export function loadResult(name: string): FaultResult | undefined {
  if (!existsSync(fileOf(name))) return undefined;
  return JSON.parse(readFileSync(fileOf(name), "utf8")) as FaultResult;
}

const fileOf = (name: string): string => join(FOLDER, `${name}.json`);

function machine(): string {
  const model = cpus()[0]?.model.trim() ?? "unknown processor";
  const memory = Math.round(totalmem() / 2 ** 30);
  const programs = [
    `Node ${process.version.slice(1)}`,
    versionOf("redis-server", /v=([\d.]+)/, "Redis"),
    versionOf("psql", /([\d.]+)/, "PostgreSQL"),
    versionOf("/usr/sbin/haproxy", /version ([\d.]+)/, "HAProxy", "-v"),
  ];
  return `${availableParallelism()} cores (${model}), ${memory} GiB, ${programs.join(", ")}`;
}

function versionOf(program: string, pattern: RegExp, name: string, flag = "--version"): string {
  const { stdout } = spawnSync(program, [flag], { encoding: "utf8" });
  return `${name} ${pattern.exec(stdout ?? "")?.[1] ?? "(version unknown)"}`;
}
