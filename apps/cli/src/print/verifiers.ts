import type { VerifierList, VerifierStatus } from "@portcullis/protocol";
import type { Paint } from "./paint.ts";
import { type Column, tableOf } from "./table.ts";
import { duration } from "./times.ts";

export function stateOf({ leased, behind }: VerifierStatus): "live" | "behind" | "no lease" {
  if (!leased) return "no lease";
  return behind === 0 ? "live" : "behind";
}

export function verifiersText(list: VerifierList, options: { paint: Paint; width?: number }): string {
  const { verifiers, head } = list;
  if (verifiers.length === 0) return `No verifier holds a lease. The log's newest is seq ${head}.\n`;
  const live = verifiers.filter((verifier) => stateOf(verifier) === "live").length;
  const summary = `${live} of ${verifiers.length} ${verifiers.length === 1 ? "verifier" : "verifiers"} up to seq ${head}, the log's newest.`;
  return `${tableOf(columnsOf(options.paint), verifiers, options.width)}\n${summary}\n`;
}

const STYLES = { live: "green", behind: "yellow", "no lease": "red" } as const;

function columnsOf(paint: Paint): readonly Column<VerifierStatus>[] {
  return [
    { title: "NAME", value: ({ name }) => name, least: 12 },
    { title: "CLIENT", value: ({ clientId }) => clientId, least: 8 },
    { title: "STATE", value: stateOf, style: (text, row) => paint(STYLES[stateOf(row)], text) },
    { title: "APPLIED", value: ({ applied }) => String(applied), align: "right" },
    { title: "BEHIND", value: ({ behind }) => String(behind), align: "right" },
    { title: "AGE", value: ({ ageMs }) => duration(ageMs), align: "right" },
    { title: "LEASE", value: ({ leaseMs }) => duration(leaseMs), align: "right" },
    {
      title: "AGREES",
      value: ({ agrees }) => (agrees === undefined ? "-" : agrees ? "yes" : "NO"),
      style: (text, { agrees }) => (agrees === false ? paint(["red", "bold"], text) : text),
    },
  ];
}
