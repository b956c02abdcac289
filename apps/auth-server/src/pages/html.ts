/** Markup that was made by `html` itself, and is therefore not escaped when it is put into more markup. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  toString(): string {
    return this.text;
  }
}

export type Content = Html | string | number | undefined | false | readonly Content[];

/** Every value is escaped, for text and for quoted attributes alike; lists are joined; nothing is shown for `undefined`. */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.reduce((text, part, at) => `${text}${render(values[at - 1])}${part}`));
}

/**
 * What somebody else has chosen, set apart within a sentence: letters that run from right to left turn nothing around it. What stands
 * alone in a block (an item, a heading) is apart already.
 */
export const isolated = (text: string): Html => html`<bdi>${text}</bdi>`;

/** A name, the same way. */
export const named = (name: string): Html => html`<bdi><strong>${name}</strong></bdi>`;

function render(value: Content): string {
  if (value === undefined || value === false) return "";
  if (value instanceof Html) return value.text;
  if (typeof value === "object") return value.map(render).join("");
  return escapeHtml(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}
