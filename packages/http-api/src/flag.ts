import { z } from "zod";

/** Returns the schema of a query parameter that is `true`, `false`, or left out, which is `false`. */
export const flag = (description: string) =>
  z
    .enum(["true", "false"], "Must be true or false.")
    .default("false")
    .transform((text) => text === "true")
    .meta({ description, example: "true" });
