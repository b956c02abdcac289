import { type Content, html } from "../../pages/html.ts";
import type { Schema } from "./described.ts";

/** Returns the fields of a schema as a table; those of each variant where there are several. */
export function fieldsOf(schema: Schema | undefined): Content {
  if (schema === undefined) return undefined;
  if (schema.$ref !== undefined) return html`<p>Schema: ${linkTo(schema.$ref)}</p>`;
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants !== undefined) return html`<p>One of these:</p>${variants.map(fieldsOf)}`;
  const fields = Object.entries(schema.properties ?? {});
  if (fields.length === 0) return undefined;
  return html`<div class="scroll"><table>
<thead><tr><th scope="col">Field</th><th scope="col">Type</th><th scope="col">What it says</th></tr></thead>
<tbody>${fields.map(([name, field]) => fieldRow(name, field, schema.required?.includes(name) === true))}</tbody>
</table></div>`;
}

const fieldRow = (name: string, field: Schema, isRequired: boolean): Content =>
  html`<tr><th scope="row"><code>${name}</code></th><td>${typeOf(field)}${isRequired ? "" : ", optional"}</td><td>${wordsOf(field)}</td></tr>`;

/** Description and limits. */
export function wordsOf(schema: Schema): Content {
  const limits = limitsOf(schema);
  return html`${inline(schema.description ?? "")}${limits.length > 0 && html` <span class="note">${limits.join(", ")}</span>`}`;
}

function limitsOf(schema: Schema): string[] {
  const limits = [
    ["more than", schema.exclusiveMinimum, ""],
    ["at least", schema.minimum, ""],
    ["at most", schema.maximum, ""],
    ["at least", schema.minLength, " characters"],
    ["at most", schema.maxLength, " characters"],
    ["default", schema.default, ""],
  ] as const;
  return limits
    .filter(([, limit]) => limit !== undefined && !NO_LIMITS.has(limit))
    .map(([words, limit, unit]) => `${words} ${String(limit)}${unit}`);
}

/** Of whole numbers without a limit, JSON Schema has the largest that are exact. */
const NO_LIMITS: ReadonlySet<unknown> = new Set([Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER]);

export function typeOf(schema: Schema): Content {
  if (schema.$ref !== undefined) return linkTo(schema.$ref);
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`;
  if (schema.enum !== undefined)
    return joined(schema.enum.map((value) => html`<code>${String(value)}</code>`));
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants !== undefined) return joined(variants.map(typeOf));
  if (schema.items !== undefined) return html`list of ${typeOf(schema.items)}`;
  if (schema.properties !== undefined) return objectType(schema.properties);
  return [schema.type ?? "anything"].flat().join(" or ");
}

const objectType = (properties: Readonly<Record<string, Schema>>): Content =>
  html`object (${Object.keys(properties).map((name, at) => html`${at > 0 && ", "}<code>${name}</code>`)})`;

const joined = (types: readonly Content[]): Content =>
  types.map((type, at) => html`${at > 0 && " or "}${type}`);

function linkTo(reference: string): Content {
  const name = reference.split("/").at(-1)!;
  return html`<a href="#schema-${name}">${name}</a>`;
}

/** Text of the document: paragraphs, and code in backticks. */
export const paragraphs = (text: string): Content =>
  text.split("\n\n").map((paragraph) => html`<p>${inline(paragraph)}</p>`);

export const inline = (text: string): Content =>
  text.split("`").map((part, at) => (at % 2 === 1 ? html`<code>${part}</code>` : part));
