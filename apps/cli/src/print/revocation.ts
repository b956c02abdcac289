import type { RevocationEntry } from "@portcullis/protocol";
import { type Column, visible } from "./table.ts";
import { dateTime } from "./times.ts";

/** By name, where it is known: nobody knows people by their `sub`. The ids are in the JSON. */
function keyText({ scope, key, subjectName, clientName }: RevocationEntry): string {
  if (key === null) return "-";
  if (typeof key !== "string") return pairText(key, { subjectName, clientName });
  if (scope === "subject") return subjectName ?? key;
  if (scope === "client") return clientName ?? key;
  if (subjectName === undefined) return key;
  return clientName === undefined ? `of ${subjectName}` : `of ${subjectName} at ${clientName}`;
}

function pairText(
  pair: Exclude<RevocationEntry["key"], string | null>,
  { subjectName = pair.subject, clientName }: Pick<RevocationEntry, "subjectName" | "clientName">,
): string {
  if ("client" in pair) return `${subjectName} at ${clientName ?? pair.client}`;
  return "audience" in pair ? `${subjectName} at ${pair.audience}` : `${subjectName} in ${pair.organization}`;
}

const actorText = ({ actor, actorName }: RevocationEntry): string => actorName ?? actor ?? "-";

export const REVOCATION_COLUMNS: readonly Column<RevocationEntry>[] = [
  { title: "SEQ", value: ({ seq }) => String(seq), align: "right" },
  { title: "REVOKED", value: ({ revokedAt }) => dateTime(revokedAt) },
  { title: "SCOPE", value: ({ scope }) => scope },
  { title: "KEY", value: keyText, least: 12 },
  { title: "MODE", value: ({ mode }) => mode },
  { title: "REASON", value: ({ reason }) => reason },
  { title: "BY", value: actorText, least: 8 },
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
    ["by", actorText(entry)],
    ["note", entry.note ?? "-"],
  ];
  const lines = fields.map(([name, value]) => `  ${name.padEnd(12)}${visible(value)}`);
  return `${[`Revocation ${entry.seq}`, ...lines].join("\n")}\n`;
}

/** One line, for following. */
export function lineOf(entry: RevocationEntry): string {
  const about = `${entry.scope} ${keyText(entry)}`.replace(/ -$/, "");
  const by = entry.actor === null ? "" : ` by ${actorText(entry)}`;
  const note = entry.note === null ? "" : `: ${entry.note}`;
  return visible(
    `${dateTime(entry.revokedAt)}  seq ${entry.seq}  ${entry.mode} ${about}  (${entry.reason}${by}${note})`,
  );
}
