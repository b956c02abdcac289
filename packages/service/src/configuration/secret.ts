import type { z } from "zod";

/**
 * Returns the schema of a setting whose value is never shown. A file may hold it: beside `password` there is `passwordFile`,
 * which the reader adds.
 */
export const secret = <Schema extends z.ZodType>(schema: Schema): Schema =>
  schema.meta({ ...schema.meta(), [SECRET]: true });

/** The mark in the JSON Schema of a setting. */
export const SECRET = "isSecret";

/**
 * Returns the schema of a setting that names a file. What the settings' own file names is relative to that; what the environment names,
 * to the working directory: the reader makes it absolute. It is the process that resolves what is left.
 */
export const filePath = <Schema extends z.ZodType>(schema: Schema): Schema =>
  schema.meta({ ...schema.meta(), [FILE_PATH]: true });

export const FILE_PATH = "isFilePath";
