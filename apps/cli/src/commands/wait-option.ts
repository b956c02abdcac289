import type { Command } from "commander";
import { parseWait } from "./numbers.ts";

const DEFAULT_WAIT_SECONDS = 5;

export const withWait = (command: Command): Command =>
  command.option(
    "--wait <seconds>",
    "how long to wait for all verifiers, 0 to 30",
    parseWait,
    DEFAULT_WAIT_SECONDS,
  );
