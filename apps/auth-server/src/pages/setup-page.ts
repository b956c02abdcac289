import { type Content, html } from "./html.ts";
import { alert, page } from "./layout.ts";

export type SetupField = "username" | "name" | "password" | "repeated";

export interface SetupPage {
  readonly action: string;
  readonly username?: string | undefined;
  readonly name?: string | undefined;
  readonly problem?: string | undefined;
  readonly fields?: Readonly<Partial<Record<SetupField, string>>> | undefined;
}

/** Asks for the first administrator. */
export function setupPage(content: SetupPage): string {
  return page({
    title: "Set up Portcullis",
    main: html`<h1>Set up Portcullis</h1>
<p>This server has no administrator yet. Make one here: the link works once.</p>
${alert(content.problem)}
<form method="post" action="${content.action}" novalidate>
${FIELDS.map((field) => fieldOf(field, content))}
<button type="submit" class="primary">Make the administrator</button>
</form>`,
  });
}

interface Field {
  readonly name: SetupField;
  readonly label: string;
  readonly type: "text" | "password";
  readonly autocomplete: string;
  readonly hint?: string;
}

const FIELDS: readonly Field[] = [
  { name: "username", label: "Username", type: "text", autocomplete: "username" },
  { name: "name", label: "Your name", type: "text", autocomplete: "name" },
  {
    name: "password",
    label: "Password",
    type: "password",
    autocomplete: "new-password",
    hint: "8 characters or more",
  },
  { name: "repeated", label: "Password, again", type: "password", autocomplete: "new-password" },
];

function fieldOf({ name, label, type, autocomplete, hint }: Field, content: SetupPage): Content {
  const problem = content.fields?.[name];
  const value = name === "username" || name === "name" ? (content[name] ?? "") : "";
  const isFirst =
    name === (FIELDS.find((field) => content.fields?.[field.name] !== undefined) ?? FIELDS[0]!).name;
  const described = [problem && `${name}-problem`, hint && `${name}-hint`].filter(Boolean).join(" ");
  return html`<div class="field">
<label for="${name}">${label}</label>
<input id="${name}" name="${name}" type="${type}" value="${value}" autocomplete="${autocomplete}"${name !== "name" && html` autocapitalize="none" spellcheck="false"`} required${problem !== undefined && html` aria-invalid="true"`}${described !== "" && html` aria-describedby="${described}"`}${isFirst && html` autofocus`}>
${problem !== undefined && html`<p class="problem" id="${name}-problem">${problem}</p>`}
${hint !== undefined && html`<p class="note" id="${name}-hint">${hint}</p>`}
</div>`;
}
