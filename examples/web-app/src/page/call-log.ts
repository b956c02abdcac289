import { element } from "./elements.ts";

/** One call to the API and how it ended. `status` is absent when no answer came. */
export interface Call {
  readonly at: Date;
  readonly tookMs: number;
  readonly status?: number;
  readonly said: string;
}

/** More rows would only make the page heavier; the tally goes on counting. */
const MAX_ROWS = 60;

/** The list of calls, newest first. It changes every second, so it is not a live region; the status is. */
export class CallLog {
  #answered = 0;
  #refused = 0;

  add(call: Call): void {
    element("no-calls").hidden = true;
    element("calls").hidden = false;
    const rows = element("rows");
    rows.prepend(rowOf(call));
    while (rows.childElementCount > MAX_ROWS) rows.lastElementChild?.remove();
    this.#count(call);
  }

  #count({ status }: Call): void {
    if (status !== undefined && status < 400) this.#answered++;
    else this.#refused++;
    const tally = element("tally");
    tally.hidden = false;
    tally.textContent = `${this.#answered} served, ${this.#refused} not`;
  }
}

function rowOf(call: Call): HTMLTableRowElement {
  const row = document.createElement("tr");
  const code = document.createElement("span");
  code.className = "code";
  code.dataset.tone = toneOf(call.status);
  code.textContent = call.status === undefined ? "none" : String(call.status);
  row.append(
    cell(timeOf(call.at)),
    cell(code),
    cell(call.status === undefined ? "" : `${Math.round(call.tookMs)} ms`, "number"),
    cell(call.said),
  );
  return row;
}

function cell(content: string | Node, className = ""): HTMLTableCellElement {
  const made = document.createElement("td");
  made.className = className;
  made.append(content);
  return made;
}

export function toneOf(status: number | undefined): "good" | "bad" | "warn" {
  if (status === undefined || status >= 500) return "warn";
  return status < 400 ? "good" : "bad";
}

export const timeOf = (at: Date): string =>
  at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
