/**
 * Lists: `{items, next}`, a page at a time, in an order that does not change. A cursor is the place of the last item of a page in that
 * order (keyset pagination), and not a number of rows: whatever is added or taken away meanwhile, nothing comes twice or is left out.
 */
import { decodeBase64url } from "@portcullis/protocol";
import { z } from "zod";
import { flag } from "./flag.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;
const LIMIT_WORDS = `Must be a whole number from 1 to ${MAX_LIMIT}.`;

const limitSchema = z.coerce
  .number<string>(LIMIT_WORDS)
  .int(LIMIT_WORDS)
  .min(1, LIMIT_WORDS)
  .max(MAX_LIMIT, LIMIT_WORDS)
  .default(DEFAULT_LIMIT)
  .meta({ description: "Most items on a page.", example: "50", param: { id: "Limit" } });

const totalSchema = flag("Count all that there are, on whatever page. It costs a query more.").meta({
  param: { id: "Total" },
});

const MAX_CURSOR_CHARACTERS = 2048;
const CURSOR_WORDS = "Must be `next` of a page of this very list.";

/** Returns the schema of a cursor whose place has this schema. What is written in it is nobody's business, and not trusted either. */
const cursorSchema = <Place extends z.ZodType>(place: Place) =>
  z
    .string(CURSOR_WORDS)
    .max(MAX_CURSOR_CHARACTERS, CURSOR_WORDS)
    .transform((text, context): z.output<Place> => {
      const read = place.safeParse(decodeCursor(text));
      if (read.success) return read.data;
      context.issues.push({ code: "custom", message: CURSOR_WORDS, input: text });
      return z.NEVER;
    })
    .optional()
    .meta({ description: "`next` of the page before. Without it: the first page." });

/** Returns the query parameters that every list has, to be spread beside its filters. `place`: what its order sorts by, as JSON can have it. */
export const listParameters = <Place extends z.ZodType>(place: Place) => ({
  limit: limitSchema,
  cursor: cursorSchema(place),
  total: totalSchema,
});

export interface ListQuery<Place> {
  readonly limit: number;
  /** Undefined: from the beginning. */
  readonly cursor?: Place | undefined;
  readonly total: boolean;
}

export interface ListSource<Item, Place> {
  /** Gives the items behind `after` in the order of the list, at most `limit`. */
  readonly read: (after: Place | undefined, limit: number) => Promise<readonly Item[]>;
  /** Of all items that the filters let through. */
  readonly count: () => Promise<number>;
  readonly placeOf: (item: Item) => Place;
}

export interface Page<Item> {
  items: Item[];
  next?: string;
  total?: number;
}

/** Returns the page that is asked for. One item more than fits is read: whether there is another page is known by it, and not guessed. */
export async function readPage<Item, Place>(
  { limit, cursor, total }: ListQuery<Place>,
  { read, count, placeOf }: ListSource<Item, Place>,
): Promise<Page<Item>> {
  const [found, counted] = await Promise.all([read(cursor, limit + 1), total ? count() : undefined]);
  const items = found.slice(0, limit);
  return {
    items,
    ...(found.length > limit ? { next: encodeCursor(placeOf(items.at(-1)!)) } : {}),
    ...(counted === undefined ? {} : { total: counted }),
  };
}

const encodeCursor = (place: unknown): string => Buffer.from(JSON.stringify(place)).toString("base64url");

/** Undefined for whatever we have not written. */
function decodeCursor(text: string): unknown {
  const bytes = decodeBase64url(text);
  if (bytes === undefined) return undefined;
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
}
