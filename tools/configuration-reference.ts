/** The tables of settings in the references, made from the schemas that the processes read their configuration with. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { authServerConfiguration } from "@portcullis/auth-server/configuration";
import { ordersServiceConfiguration } from "@portcullis/example-orders-service/configuration";
import { webAppConfiguration } from "@portcullis/example-web-app/configuration";
import { gatewayConfiguration } from "@portcullis/gateway/configuration";
import { relayConfiguration } from "@portcullis/relay/configuration";
import { describeSettings, undescribedSettings } from "@portcullis/service/configuration-reference";
import { repository, type Tree } from "./workspace.ts";

export interface ConfigurationReference {
  readonly page: string;
  readonly schema: Parameters<typeof describeSettings>[0];
}

const REFERENCES: readonly ConfigurationReference[] = [
  { page: "docs/reference/auth-server-configuration.md", schema: authServerConfiguration.schema },
  { page: "docs/reference/gateway-configuration.md", schema: gatewayConfiguration.schema },
  { page: "docs/reference/relay-configuration.md", schema: relayConfiguration.schema },
  { page: "examples/orders-service/README.md", schema: ordersServiceConfiguration.schema },
  { page: "examples/web-app/README.md", schema: webAppConfiguration.schema },
];

const BEGIN = "<!-- Settings, made from the schema: npm run check -- --write -->";
const END = "<!-- End of settings -->";

/** Returns what is wrong: a page without the table or with an old one, and a setting that nobody has described. */
export function checkConfigurationReferences(
  tree: Tree = repository,
  references: readonly ConfigurationReference[] = REFERENCES,
): string[] {
  return references.flatMap(({ page, schema }) => [
    ...undescribedSettings(schema).map((setting) => `${page}: the schema has no words for ${setting}`),
    ...stale(tree, page, schema),
  ]);
}

export function writeConfigurationReferences(
  tree: Tree = repository,
  references: readonly ConfigurationReference[] = REFERENCES,
): void {
  for (const { page, schema } of references) {
    const current = withTable(tree.readText(page), schema);
    if (current !== undefined) writeFileSync(join(tree.root, page), current);
  }
}

function stale(tree: Tree, page: string, schema: ConfigurationReference["schema"]): string[] {
  const text = tree.has(page) ? tree.readText(page) : "";
  const current = withTable(text, schema);
  if (current === undefined)
    return [`${page}: needs the lines ${BEGIN} and ${END} around its table of settings`];
  return current === text ? [] : [`${page} is not current; run: npm run check -- --write`];
}

/** Undefined when the page has no place for the table. */
function withTable(text: string, schema: ConfigurationReference["schema"]): string | undefined {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) return undefined;
  return `${text.slice(0, begin)}${BEGIN}\n\n${describeSettings(schema)}\n\n${text.slice(end)}`;
}
