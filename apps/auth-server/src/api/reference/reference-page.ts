import { type Content, html } from "../../pages/html.ts";
import { page } from "../../pages/layout.ts";
import { callsOf, type Described, type DescribedCall, errorsOf } from "./described.ts";
import { callSection, samplesOf } from "./show-call.ts";
import { fieldsOf, inline, paragraphs } from "./show-schema.ts";

export const REFERENCE_STYLESHEET = "/assets/api-reference.css";

/** Returns the whole reference as one page. */
export function referencePage(document: Described, openApiPath: string): string {
  const calls = callsOf(document);
  const main = html`<h1 id="top">API reference</h1>
${sections(document)}
${paragraphs(document.info.description)}
<p>For tools: <a href="${openApiPath}">the OpenAPI 3.1 document</a>, which this page is made from.</p>
${tokenSample(document)}
${contents(document, calls)}
${document.tags.map((tag) => tagSection(document, tag, calls))}
${scopesSection(document, calls)}
${errorsSection(calls)}
${schemasSection(document)}`;
  return page({ title: "API reference", main, wide: true, stylesheet: REFERENCE_STYLESHEET });
}

/** It stays in sight, however far somebody has read. */
const sections = ({ tags }: Described): Content =>
  html`<nav class="sections" aria-label="Sections"><a href="#top">Top</a>${tags.map(({ name }) => html` <a href="#${idOf(name)}">${name}</a>`)} <a href="#scopes">Scopes</a> <a href="#errors">Errors</a> <a href="#schemas">Schemas</a></nav>`;

const idOf = (tag: string): string => `tag-${tag.toLowerCase().replaceAll(" ", "-")}`;

function tokenSample({ components, servers: [{ url }] }: Described): Content {
  const { flows } = components.securitySchemes.token;
  const lines =
    "clientCredentials" in flows
      ? [
          `curl ${flows.clientCredentials.tokenUrl} -u "$CLIENT_ID:$CLIENT_SECRET" \\`,
          `  -d grant_type=client_credentials -d scope=revocations.inspect \\`,
          `  -d resource=${url}/api`,
        ]
      : [
          `${flows.authorizationCode.authorizationUrl}?response_type=code&client_id=...&redirect_uri=...`,
          `  &scope=openid%20account.read%20account.write&resource=${encodeURIComponent(`${url}/account`)}`,
          `  &code_challenge=...&code_challenge_method=S256&state=...`,
        ];
  return html`<h2 id="token">Get a token</h2>
<pre tabindex="0"><code>${lines.join("\n")}</code></pre>`;
}

const contents = ({ tags }: Described, calls: readonly DescribedCall[]): Content =>
  html`<nav aria-label="Calls">${tags.map(
    ({ name }) => html`<h2>${name}</h2>
<ul class="calls">${calls.filter(({ tags: [tag] }) => tag === name).map(contentsLine)}</ul>`,
  )}
<p><a href="#scopes">Scopes</a> · <a href="#errors">Errors</a> · <a href="#schemas">Schemas</a></p></nav>`;

const contentsLine = ({ operationId, method, path, summary }: DescribedCall): Content =>
  html`<li><a href="#${operationId}"><code><span class="method">${method}</span> ${path}</code></a> <span class="note">${summary}</span></li>`;

const tagSection = (
  document: Described,
  { name, description }: Described["tags"][number],
  calls: readonly DescribedCall[],
): Content =>
  html`<section><h2 id="${idOf(name)}">${name}</h2><p>${inline(description)}</p>
${calls
  .filter(({ tags: [tag] }) => tag === name)
  .map((call) => callSection(call, samplesOf(document.servers[0].url, call)))}</section>`;

function scopesSection({ components }: Described, calls: readonly DescribedCall[]): Content {
  const { flows } = components.securitySchemes.token;
  const { scopes: words } = "clientCredentials" in flows ? flows.clientCredentials : flows.authorizationCode;
  const scopes = Object.entries(words);
  const callsWith = (scope: string) => calls.filter(({ security }) => security[0]?.token.includes(scope));
  return html`<section><h2 id="scopes">Scopes</h2>
<div class="scroll"><table><thead><tr><th scope="col">Scope</th><th scope="col">What it allows</th><th scope="col">Calls</th></tr></thead>
<tbody>${scopes.map(
    ([scope, says]) =>
      html`<tr id="scope-${scope}"><th scope="row"><code>${scope}</code></th><td>${says}</td><td>${linksTo(callsWith(scope))}</td></tr>`,
  )}</tbody></table></div></section>`;
}

const linksTo = (calls: readonly DescribedCall[]): Content =>
  calls.map(({ operationId }, at) => html`${at > 0 && ", "}<a href="#${operationId}">${operationId}</a>`);

function errorsSection(calls: readonly DescribedCall[]): Content {
  const all = calls.flatMap((call) => errorsOf(call).map((error) => ({ call, error })));
  const codes = Map.groupBy(all, ({ error }) => error.code);
  const rows = [...codes].sort(([left], [right]) => left.localeCompare(right));
  return html`<section><h2 id="errors">Errors</h2>
<p>Branch on the code; the text may change. Below <code>/api</code> it is <code>code</code> of a problem (RFC 9457), below <code>/revocations</code>, and wherever a token is refused, it is <code>error</code>.</p>
<div class="scroll"><table><thead><tr><th scope="col">Code</th><th scope="col">Status</th><th scope="col">Text</th><th scope="col">Calls</th></tr></thead>
<tbody>${rows.map(([code, some]) => errorRow(code, some))}</tbody></table></div></section>`;
}

function errorRow(
  code: string,
  some: readonly { readonly call: DescribedCall; readonly error: { status: string; text: string } }[],
): Content {
  const statuses = [...new Set(some.map(({ error }) => error.status))].sort();
  const callers = [...new Map(some.map(({ call }) => [call.operationId, call])).values()];
  return html`<tr id="error-${code}"><th scope="row"><code>${code}</code></th><td>${statuses.join(", ")}</td><td>${some[0]!.error.text}</td><td>${callers.length > MANY ? html`<span class="note">${callers.length} calls</span>` : linksTo(callers)}</td></tr>`;
}

/** From here on a list of calls tells nobody anything. */
const MANY = 5;

const schemasSection = ({ components }: Described): Content =>
  html`<section><h2 id="schemas">Schemas</h2>
${Object.entries(components.schemas).map(
  ([name, schema]) =>
    html`<article id="schema-${name}"><h3>${name}</h3>${schema.description !== undefined && html`<p>${inline(schema.description)}</p>`}${fieldsOf(schema)}</article>`,
)}</section>`;
