/**
 * docs/reference/gateway-configuration.md, made from the schema:
 * `node apps/gateway/src/config/describe-configuration.ts --write` (a test compares the two).
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { configurationSchema } from "./schema.ts";

export const REFERENCE = fileURLToPath(
  new URL("../../../../docs/reference/gateway-configuration.md", import.meta.url),
);

const INTRODUCTION = `# Gateway configuration

The gateway reads one YAML file at start: \`main.ts --config gateway.yaml\`. Unknown settings are refused, and every
problem is named at once. A short file that works:

\`\`\`yaml
issuer: https://login.example
audience: https://orders.example
listen: { host: 127.0.0.1, port: 8401 }
management: { port: 8404 }
verifier: { clientId: gateway, clientSecretFile: verifier-secret }
transactionToken: { audience: services.example, keyFile: gateway-key.json }
routes:
  - { name: orders, path: /orders, upstream: "http://127.0.0.1:8402", scopes: [orders.read] }
\`\`\`

Rules between settings:

- a route without an audience (its own or the top-level one) must say \`public: true\`; a public route has no
  \`audience\`, \`scopes\` or \`freshness\`;
- \`name\` and \`path\` are unique among routes, whatever their case;
- exactly one of \`clientSecret\` and \`clientSecretFile\`;
- \`listen\` and \`management\` have different ports;
- \`trustedProxies\` names \`header\`, \`proxyProtocol: true\`, or both; with both, the preface says who wrote the header;
- \`transactionToken.issuer\` is not \`issuer\`, and must be set when \`listen\` has port 0 or an address for all interfaces;
- \`limits.bufferRequestBytes\` is no more than \`limits.bufferedBytes\` times \`limits.clientShare\`;
- the replica's lease is as long as the longest \`maxAgeSeconds\` of a route, at least 2 seconds.

Services verify \`Txn-Token\` with the keys at \`/.well-known/jwks.json\` of the gateway. One such token serves the requests
that bring the same access token to the same route, for at most 10 seconds and never past the time when the access token is accepted no more,
since signing costs as much CPU as the rest of a request; each request is authenticated all the same. Its \`txn\` therefore
identifies those seconds of one caller, not a single request.

This page is generated from the schema in \`apps/gateway/src/config\`.

| setting | value | default | |
|---|---|---|---|
`;

interface JsonSchema {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly oneOf?: readonly JsonSchema[];
  readonly const?: string;
  readonly default?: unknown;
  readonly description?: string;
}

export function describeConfiguration(): string {
  const schema = z.toJSONSchema(configurationSchema, { io: "input" }) as JsonSchema;
  return `${INTRODUCTION}${rowsOf(schema, "").join("\n")}\n`;
}

function rowsOf(schema: JsonSchema, prefix: string): string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = `${prefix}${name}`;
    const isRequired = schema.required?.includes(name) ?? false;
    return [
      row(path, property, isRequired),
      ...rowsOf(property, `${path}.`),
      ...rowsOf(property.items ?? {}, `${path}[].`),
      ...(property.oneOf ?? []).flatMap((variant) => rowsOf(variant, `${path}.`)),
    ];
  });
}

function row(path: string, property: JsonSchema, isRequired: boolean): string {
  const cells = [
    `\`${path}\``,
    valueText(property),
    defaultOf(property, isRequired),
    property.description ?? "",
  ];
  return `| ${cells.join(" | ")} |`;
}

function valueText({ type, enum: choices, items, properties, ...schema }: JsonSchema): string {
  if (schema.const !== undefined) return `\`${schema.const}\`: then`;
  if (choices !== undefined) return choices.map((choice) => `\`${choice}\``).join(", ");
  if (properties !== undefined) return "";
  if (type === "array") return items?.properties === undefined ? "list" : "list, each with:";
  return type === "string" ? "text" : (type ?? "");
}

function defaultOf(property: JsonSchema, isRequired: boolean): string {
  if (isRequired) return "**required**";
  if (property.default === undefined || property.properties !== undefined) return "";
  return `\`${JSON.stringify(property.default).replaceAll('"', "")}\``;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv.includes("--write")) {
  writeFileSync(REFERENCE, describeConfiguration());
}
