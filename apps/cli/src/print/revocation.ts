import type { RevocationEntry } from "@portcullis/protocol";
import { type Column, visible } from "./table.ts";
import { dateTime } from "./times.ts";

const keyText = ({ key }: RevocationEntry): string =>
  key === null ? "-" : typeof key === "string" ? key : pairText(key);

function pairText(pair: Exclude<RevocationEntry["key"], string | null>): string {
  if ("client" in pair) return `${pair.subject} at ${pair.client}`;
  return "audience" in pair
    ? `${pair.subject} at ${pair.audience}`
    : `${pair.subject} in ${pair.organization}`;
}

export const REVOCATION_COLUMNS: readonly Column<RevocationEntry>[] = [
  { title: "SEQ", value: ({ seq }) => String(seq), align: "right" },
  { title: "REVOKED", value: ({ revokedAt }) => dateTime(revokedAt) },
  { title: "SCOPE", value: ({ scope }) => scope },
  { title: "KEY", value: keyText, least: 12 },
  { title: "MODE", value: ({ mode }) => mode },
  { title: "REASON", value: ({ reason }) => reason },
  { title: "BY", value: ({ actor }) => actor ?? "-", least: 8 },
  { title: "NOTE", value: ({ note }) => note ?? "", least: 8 },
];

/** All that is known of one, a line a field. */
export function detailsOf(entry: RevocationEntry): string {
  const fields: readonly (readonly [string, string])[] = [
    ["scope", entry.scope],
    ["key", keyText(entry)],
    ["mode", entry.mode],
    ["reason", entry.reason],
    ["revoked", dateTime(entry.revokedAt)],
    ["kept until", dateTime(entry.expiresAt)],
    ["by", entry.actor ?? "-"],
    ["note", entry.note ?? "-"],
  ];
  const lines = fields.map(([name, value]) => `  ${name.padEnd(12)}${visible(value)}`);
  return `${[`Revocation ${entry.seq}`, ...lines].join("\n")}\n`;
}

/** One line, for following. */
export function lineOf(entry: RevocationEntry): string {
  const about = `${entry.scope} ${keyText(entry)}`.replace(/ -$/, "");
  const by = entry.actor === null ? "" : ` by ${entry.actor}`;
  const note = entry.note === null ? "" : `: ${entry.note}`;
  return visible(
    `${dateTime(entry.revokedAt)}  seq ${entry.seq}  ${entry.mode} ${about}  (${entry.reason}${by}${note})`,
  );
}
