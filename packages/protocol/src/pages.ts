/** A list of our API, page by page. */
import { z } from "zod";

/** Returns the schema of a page of such items. */
export const pageSchemaOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next: z.string().optional().describe("`cursor` of the page after this one. Absent on the last page."),
    total: z.int().optional().describe("How many there are on all pages. Only with `total=true`."),
  });
