import { z } from "zod";

/** Query parameter of lists of what can be disabled. */
export const ENABLED_FILTER = z
  .enum(["true", "false"], "Must be true or false.")
  .transform((text) => text === "true")
  .optional()
  .meta({ description: "Only those that are enabled, or only those that are not.", example: "true" });
