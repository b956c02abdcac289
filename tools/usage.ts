import { readFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./workspace.ts";

/** What `npm run VERB -- --help` prints. A file of text, so that tools/run.mjs can print it before anything is installed. */
export const usageOf = (verb: string): string =>
  readFileSync(join(root, "tools", "usage", `${verb}.txt`), "utf8");
