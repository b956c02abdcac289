import { type Content, html } from "../../pages/html.ts";
import {
  answersOf,
  type DescribedCall,
  type DescribedError,
  errorsOf,
  type Media,
  type Parameter,
  type Response,
} from "./described.ts";
import { fieldsOf, inline, paragraphs, typeOf, wordsOf } from "./show-schema.ts";

/** Returns all that a caller must know of one call. */
export const callSection = (call: DescribedCall, sample: string): Content =>
  html`<article id="${call.operationId}" class="call"><h3>${call.summary}</h3>
<p class="line"><code><span class="method">${call.method}</span> ${call.path}</code> ${scopeOf(call)}</p>
${call.description !== undefined && paragraphs(call.description)}
<pre tabindex="0"><code>${sample}</code></pre>
${parametersOf(call.parameters)}
${bodyOf(call)}
${answersOf(call).map(([status, response]) => answer(status, response))}
${errorList(errorsOf(call))}</article>`;

const scopeOf = ({ security }: DescribedCall): Content =>
  security[0] === undefined
    ? html`<span class="tag">no token</span>`
    : security[0].token.map((scope) => html`<a class="tag" href="#scope-${scope}">${scope}</a>`);

const parametersOf = (parameters: readonly Parameter[]): Content =>
  parameters.length > 0 &&
  html`<h4>Parameters</h4><div class="scroll"><table>
<thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">What it says</th></tr></thead>
<tbody>${parameters.map(parameterRow)}</tbody></table></div>`;

const parameterRow = ({ name, in: where, required = false, description = "", schema }: Parameter): Content =>
  html`<tr><th scope="row"><code>${name}</code> <span class="note">${where}</span></th><td>${typeOf(schema)}${required ? "" : ", optional"}</td><td>${wordsOf({ ...schema, description: schema.description ?? description })}</td></tr>`;

function bodyOf({ requestBody }: DescribedCall): Content {
  const schema = requestBody?.content["application/json"]?.schema;
  const fields = fieldsOf(schema);
  if (requestBody === undefined || fields === undefined) return undefined;
  return html`<h4>Body${requestBody.required ? "" : ", which may be left out"}</h4>${fields}`;
}

function answer(status: string, { description, content = {}, headers = {} }: Response): Content {
  return html`<h4>${status}</h4><p>${inline(description)}</p>
${Object.entries(headers).map(([name, header]) => html`<p class="note"><code>${name}</code>: ${inline(header.description)}</p>`)}
${Object.entries(content).map(([type, media]) => mediaOf(type, media))}`;
}

function mediaOf(type: string, { schema, example }: Media): Content {
  const isJson = type === "application/json";
  const text = typeof example === "string" ? example : JSON.stringify(example, undefined, 2);
  return html`${!isJson && html`<p><code>${type}</code></p>`}${isJson && fieldsOf(schema)}${example !== undefined && html`<pre tabindex="0"><code>${text}</code></pre>`}`;
}

const errorList = (errors: readonly DescribedError[]): Content =>
  html`<details><summary>Errors (${errors.length})</summary><div class="scroll"><table>
<thead><tr><th scope="col">Status</th><th scope="col">Code</th><th scope="col">Text</th></tr></thead>
<tbody>${errors.map(
    ({ status, code, text }) =>
      html`<tr><td>${status}</td><th scope="row"><a href="#error-${code}"><code>${code}</code></a></th><td>${text}</td></tr>`,
  )}</tbody></table></div></details>`;

/** Returns the call as a line for a shell, with the examples of its parameters and its body. */
export function samplesOf(server: string, call: DescribedCall): string {
  const { method, path, parameters, requestBody, security } = call;
  const exampleOf = (name: string) => parameters.find((one) => one.name === name)?.schema;
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(sampleValue(exampleOf(name))),
  );
  const headers = parameters
    .filter((one) => one.in === "header")
    .map(({ name, schema }) => `-H ${quoted(`${name}: ${sampleValue(schema)}`)}`);
  const example = requestBody?.content["application/json"]?.example;
  const hasBody = example !== undefined && Object.keys(example as object).length > 0;
  const parts = [
    `curl ${method === "GET" ? "" : `-X ${method} `}${server}${url}`,
    ...(security.length === 0 ? [] : ['-H "Authorization: Bearer $TOKEN"']),
    ...headers,
    ...(hasBody ? ['-H "Content-Type: application/json"', `-d ${quoted(JSON.stringify(example))}`] : []),
  ];
  return parts.join(" \\\n  ");
}

/** As one word of a shell, whatever is in it: an `ETag` has quotes, and a text may have an apostrophe. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const sampleValue = (schema: object | undefined): string =>
  String((schema as { readonly example?: unknown } | undefined)?.example ?? "...");
