import type { Exchange } from "../exchange.ts";
import type { Field } from "../headers/field-kind.ts";
import type { UpstreamHead } from "./response-relay.ts";

export interface ResponseFieldOptions {
  readonly fieldNamed: (spelling: string) => Field;
  readonly corsFields: (origin: string | undefined) => readonly string[];
  /** Fields that belong to the connection to this client: `connection: close` when it has to end. */
  readonly connectionFields: (exchange: Exchange) => readonly string[];
}

/** The service's header fields without those of its own hop; ours are ours to say. */
export function responseFields(options: ResponseFieldOptions) {
  return (exchange: Exchange, { fields }: UpstreamHead): string[] => {
    const cors = options.corsFields(exchange.origin);
    const named = namedByConnection(fields.connection);
    const out: string[] = [];
    for (const spelling in fields) {
      const { kind, name } = options.fieldNamed(spelling);
      if (kind !== "end-to-end" && kind !== "content-length") continue;
      if (named?.has(name) || (cors.length > 0 && name.startsWith("access-control-"))) continue;
      append(out, name, fields[spelling]!);
    }
    for (const field of cors) out.push(field);
    for (const field of options.connectionFields(exchange)) out.push(field);
    return out;
  };
}

function append(out: string[], name: string, value: string | string[]): void {
  if (typeof value === "string") out.push(name, value);
  else for (const each of value) out.push(name, each);
}

function namedByConnection(connection: string | string[] | undefined): ReadonlySet<string> | undefined {
  if (connection === undefined || connection === "keep-alive" || connection === "close") return undefined;
  const options = String(connection).toLowerCase().split(",");
  // The length says where the answer ends; no option takes it away.
  return new Set(options.map((option) => option.trim()).filter((option) => option !== "content-length"));
}
