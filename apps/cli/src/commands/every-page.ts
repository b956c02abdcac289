import type { RevocationsApi } from "../api/revocations-api.ts";

interface Page<Item> {
  readonly items: Item[];
  readonly next?: string | undefined;
}

type Schema<Item> = Parameters<RevocationsApi["administer"]>[0] & { readonly _output?: Page<Item> };

/** All items of a list, however many pages that are. */
export async function everyPage<Item>(
  api: RevocationsApi,
  schema: Schema<Item>,
  { path, query }: { readonly path: string; readonly query: Readonly<Record<string, string | undefined>> },
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const asked = { path, query: { limit: 200, ...query, cursor } };
    const page = (await api.administer(schema, asked)) as Page<Item>;
    items.push(...page.items);
    cursor = page.next;
  } while (cursor !== undefined);
  return items;
}
