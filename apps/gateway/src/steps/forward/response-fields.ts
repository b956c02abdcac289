import type { Exchange } from "../../exchange.ts";
import type { Field } from "../../headers/field-kind.ts";
import type { UpstreamHead } from "./response-relay.ts";

export interface ResponseFieldOptions {
  readonly fieldNamed: (spelling: string) => Field;
  readonly corsFields: (origin: string | undefined) => readonly string[];
  /** Fields that belong to the connection to this client: `connection: close` when it has to end. */
  readonly connectionFields: (exchange: Exchange) => readonly string[];
}

/** The service's header fields without those of its own hop; ours are ours to say. */
export function responseFields(options: ResponseFieldOptions) {
  return (exchange: Exchange, { rawFields }: UpstreamHead): string[] => {
    const cors = options.corsFields(exchange.origin);
    const named = namedByConnection(rawFields, options.fieldNamed);
    const out: string[] = [];
    for (let at = 0; at < rawFields.length; at += 2) {
      const { kind, name } = options.fieldNamed(rawFields[at]!);
      if (kind !== "end-to-end" && kind !== "content-length") continue;
      if (named?.has(name) || (cors.length > 0 && name.startsWith("access-control-"))) continue;
      out.push(name, rawFields[at + 1]!);
    }
    for (const field of cors) out.push(field);
    for (const field of options.connectionFields(exchange)) out.push(field);
    return out;
  };
}

function namedByConnection(
  rawFields: readonly string[],
  fieldNamed: (spelling: string) => Field,
): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let at = 0; at < rawFields.length; at += 2) {
    const value = rawFields[at + 1]!;
    if (fieldNamed(rawFields[at]!).kind !== "connection" || value === "keep-alive" || value === "close")
      continue;
    named ??= new Set();
    for (const option of value.toLowerCase().split(",")) named.add(option.trim());
  }
  // The length says where the answer ends; no option takes it away.
  named?.delete("content-length");
  return named;
}
