/** Columns as wide as what is in them; at a terminal, what is too wide for it is cut where it matters least. */
import { stripVTControlCharacters } from "node:util";

export interface Column<Row> {
  readonly title: string;
  readonly value: (row: Row) => string;
  readonly align?: "right";
  /** Cut to as little as this when the terminal is narrow; without it the column keeps its width. */
  readonly least?: number;
  readonly style?: (text: string, row: Row) => string;
}

const GAP = "  ";

export function tableOf<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width?: number): string {
  const cells = rows.map((row) => columns.map(({ value }) => visible(value(row))));
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((line) => line[at]!.length)),
  );
  if (width !== undefined) shrink(columns, widths, width);
  const header = lineOf(columns.map(({ title, align }, at) => padded(title, widths[at]!, align)));
  const lines = rows.map((row, index) =>
    lineOf(
      columns.map(({ align, style = (text: string) => text }, at) =>
        style(padded(cells[index]![at]!, widths[at]!, align), row),
      ),
    ),
  );
  return `${[header, ...lines].join("\n")}\n`;
}

const lineOf = (cells: readonly string[]): string => cells.join(GAP).trimEnd();

/** Takes from the widest of the columns that may be cut, until all fits or nothing is left to take. */
function shrink(columns: readonly Column<never>[], widths: number[], width: number): void {
  for (;;) {
    const total = widths.reduce((sum, one) => sum + one, GAP.length * (widths.length - 1));
    if (total <= width) return;
    let widest = -1;
    for (const [at, { least }] of columns.entries()) {
      if (least === undefined || widths[at]! <= least) continue;
      if (widest === -1 || widths[at]! > widths[widest]!) widest = at;
    }
    if (widest === -1) return;
    widths[widest]!--;
  }
}

function padded(text: string, width: number, align?: "right"): string {
  const cut = text.length > width ? `${text.slice(0, Math.max(0, width - 1))}…` : text;
  return align === "right" ? cut.padStart(width) : cut.padEnd(width);
}

/** Notes and names come from others: nothing in them may move the cursor or colour the terminal. */
export function visible(text: string): string {
  return stripVTControlCharacters(text).replace(/[\p{Cc}\p{Cf}]/gu, " ");
}
