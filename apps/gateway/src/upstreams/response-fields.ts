import type { Field } from "../headers/field-kind.ts";
import type { UpstreamHead } from "./response-relay.ts";

interface ResponseFieldOptions {
  readonly fieldNamed: (spelling: string) => Field;
  /** The gateway's configuration says which origins may read answers, and no service does. */
  readonly dropsCors: boolean;
}

/** Returns the service's header fields without those of its own hop, and without those that are ours to say. */
export function responseFields({ fieldNamed, dropsCors }: ResponseFieldOptions) {
  return ({ fields }: UpstreamHead): string[] => {
    const named = namedByConnection(fields.connection);
    const out: string[] = [];
    let length: string | string[] | undefined;
    for (const spelling in fields) {
      const { kind, name } = fieldNamed(spelling);
      if (kind !== "end-to-end" && kind !== "content-length") continue;
      if (named?.has(name) || (dropsCors && name.startsWith("access-control-"))) continue;
      if (kind === "content-length") length = fields[spelling];
      else append(out, name, fields[spelling]!);
    }
    // Last: behind it, Node recodes what Content-Disposition says, which a service may have written in UTF-8 or Latin-1.
    if (length !== undefined) append(out, "content-length", length);
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
