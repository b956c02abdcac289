import type { Exchange } from "../../exchange.ts";
import type { ResponseHead } from "../../upstream/call.ts";

export interface ResponseFieldOptions {
  readonly corsFields: (origin: string | undefined) => readonly string[];
  /** Fields that belong to the connection to this client: `connection: close` when it has to end. */
  readonly connectionFields: (exchange: Exchange) => readonly string[];
}

/** The service's header fields without those of its own hop; ours are ours to say. */
export function responseFields(options: ResponseFieldOptions) {
  return (exchange: Exchange, head: ResponseHead): string[] => {
    const cors = options.corsFields(exchange.origin);
    const named = namedByConnection(head);
    const out: string[] = [];
    for (let at = 0; at < head.fields.length; at++) {
      const { kind, name } = head.fields[at]!;
      if (kind !== "end-to-end" && kind !== "content-length") continue;
      if (named?.has(name) || (cors.length > 0 && name.startsWith("access-control-"))) continue;
      out.push(name, head.values[at]!);
    }
    for (const field of cors) out.push(field);
    for (const field of options.connectionFields(exchange)) out.push(field);
    return out;
  };
}

function namedByConnection({ fields, values }: ResponseHead): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (let at = 0; at < fields.length; at++) {
    const value = values[at]!;
    if (fields[at]!.kind !== "connection" || value === "keep-alive" || value === "close") continue;
    named ??= new Set();
    for (const option of value.toLowerCase().split(",")) named.add(option.trim());
  }
  // The length says where the answer ends; no option takes it away.
  named?.delete("content-length");
  return named;
}
