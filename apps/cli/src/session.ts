/** What an action has: the world, the options that all verbs share, and the way to the issuer. */

import type { API_SCOPES } from "@portcullis/protocol";
import type { Command } from "commander";
import { RevocationsApi } from "./api/revocations-api.ts";
import type { Io } from "./io.ts";
import { type Paint, paintFor } from "./print/paint.ts";
import { type GlobalOptions, settingsOf } from "./settings.ts";

export interface Session {
  readonly io: Io;
  readonly json: boolean;
  readonly paint: Paint;
  /** Of the terminal; absent when nothing has to fit. */
  readonly width: number | undefined;
  connect(...scopes: (keyof typeof API_SCOPES)[]): Promise<RevocationsApi>;
}

/** How the program and its commands tell each other; one a run. */
export interface Cli {
  readonly io: Io;
  /** Whether errors are for a machine. */
  readonly json: boolean;
  exitCode: number;
}

type Action = (session: Session, command: Command) => Promise<number>;

/** Makes commander's action of ours, which gives the exit code. */
export function acting(cli: Cli, action: Action) {
  return async (...parameters: unknown[]): Promise<void> => {
    const command = parameters.at(-1) as Command;
    cli.exitCode = await action(sessionOf(cli.io, command.optsWithGlobals()), command);
  };
}

function sessionOf(io: Io, options: GlobalOptions): Session {
  return {
    io,
    json: options.json ?? false,
    paint: paintFor(io, options.color),
    width: io.isTerminal ? io.columns() : undefined,
    connect(...scopes) {
      const settings = settingsOf(options, io);
      const { fetch, signal } = io;
      const sending = { fetch, signal, timeoutMs: settings.timeoutMs };
      return RevocationsApi.connect({ settings, sending, scopes });
    },
  };
}

/** One document, for machines. */
export function printJson({ io }: Session, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value)}\n`);
}
