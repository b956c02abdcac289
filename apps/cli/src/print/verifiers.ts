import type { SuspendedVerifier, VerifierList, VerifierStatus } from "@portcullis/protocol";
import type { Paint } from "./paint.ts";
import { type Column, tableOf, visible } from "./table.ts";
import { dateTime, duration } from "./times.ts";

function stateOf({ leased, behind, clock }: VerifierStatus): keyof typeof STYLES {
  if (!leased) return "no lease";
  if (clock?.isOff === true) return "clock off";
  return behind === 0 ? "live" : "behind";
}

export function verifiersText(list: VerifierList, options: { paint: Paint; width?: number }): string {
  const { verifiers, head } = list;
  const held = (list.suspended ?? []).map((verifier) => `${suspendedText(verifier)}\n`).join("");
  if (verifiers.length === 0) return `No verifier holds a lease. The log ends at seq ${head}.\n${held}`;
  const live = verifiers.filter((verifier) => stateOf(verifier) === "live").length;
  const summary = `${live} of ${verifiers.length} ${verifiers.length === 1 ? "verifier is" : "verifiers are"} live: up to date with seq ${head}, the end of the log.`;
  const clocks = verifiers.flatMap((verifier) => clockText(verifier) ?? []).map((line) => `${line}\n`);
  return `${tableOf(columnsOf(options.paint), verifiers, options.width)}\n${summary}\n${clocks.join("")}${held}`;
}

function suspendedText({ name, clientId, suspendedAt, suspendedBy, note }: SuspendedVerifier): string {
  const why = note === null ? "" : `: ${visible(note)}`;
  return `${visible(name)} of ${visible(clientId)} is suspended since ${dateTime(suspendedAt)} by ${visible(suspendedBy)}${why}. It gets no lease.`;
}

/** What is wrong and what to do: a column of offsets would be full of zeros. */
function clockText({ name, clock }: VerifierStatus): string | undefined {
  if (clock?.isOff !== true) return undefined;
  const [size, side] = [duration(Math.abs(clock.offsetMs)), clock.offsetMs < 0 ? "behind" : "ahead of"];
  return `${name}: its clock is ${size} ${side} the issuer's. It refuses every request until its clock is corrected.`;
}

const STYLES = { live: "green", behind: "yellow", "clock off": "red", "no lease": "red" } as const;

function columnsOf(paint: Paint): readonly Column<VerifierStatus>[] {
  return [
    { title: "NAME", value: ({ name }) => name, least: 12 },
    { title: "CLIENT", value: ({ clientId }) => clientId, least: 8 },
    { title: "FROM", value: ({ address }) => address ?? "-" },
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
