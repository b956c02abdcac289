import type { z } from "zod";

/**
 * Returns the schema of a setting whose value is never shown. A file may hold it: beside `password` there is `passwordFile`,
 * which the reader adds.
 */
export const secret = <Schema extends z.ZodType>(schema: Schema): Schema =>
  schema.meta({ ...schema.meta(), [SECRET]: true });

/** The mark in the JSON Schema of a setting. */
export const SECRET = "isSecret";
