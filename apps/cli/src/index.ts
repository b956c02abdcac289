export { EXIT } from "./exit-codes.ts";
export type { Io } from "./io.ts";
export { createProgram } from "./program.ts";
export { run } from "./run.ts";
