import { element, show } from "./elements.ts";

/** What the page is about at the moment: one of these at a time. */
export type View = "starting" | "signed-out" | "signed-in" | "forced-out";

export interface Status {
  readonly view: View;
  readonly tone: "good" | "bad" | "warn" | "wait";
  readonly badge: string;
  readonly title: string;
  readonly text: string;
  /** Label of the button that leads to the sign-in page. */
  readonly signIn?: string;
  readonly hint?: string;
}

let shown = "";

/** Touches the page only when something changed, or a screen reader would be told the same every second. */
export function showStatus(status: Status): void {
  const next = JSON.stringify(status);
  if (next === shown) return;
  shown = next;
  document.body.dataset.view = status.view;
  element("badge").dataset.tone = status.tone;
  setText("badge", status.badge);
  setText("status-title", status.title);
  setText("status-text", status.text);
  setText("hint", status.hint ?? "");
  show(["hint"], status.hint !== undefined);
  setText("sign-in", status.signIn ?? "");
  show(["sign-in"], status.signIn !== undefined);
  show(["who", "sign-out", "call-now", "pause", "account"], status.view === "signed-in");
}

function setText(id: string, text: string): void {
  const target = element(id);
  if (target.textContent !== text) target.textContent = text;
}
