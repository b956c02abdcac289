/** What an action has: the world, the options that all verbs share, and the way to the issuer. */

import type { API_SCOPES } from "@portcullis/protocol";
import type { Command } from "commander";
import { RevocationsApi } from "./api/revocations-api.ts";
import type { Sending } from "./api/send.ts";
import type { Io } from "./io.ts";
import { StoredLogins } from "./login/stored-logins.ts";
import { type Paint, paintFor } from "./print/paint.ts";
import {
  type AskingSettings,
  askingSettingsOf,
  type GlobalOptions,
  type Settings,
  settingsOf,
} from "./settings.ts";

export interface Session {
  readonly io: Io;
  readonly json: boolean;
  readonly paint: Paint;
  /** Of the terminal; absent when nothing has to fit. */
  readonly width: number | undefined;
  readonly logins: StoredLogins;
  /** Which issuer is asked, for what needs no client and no sign-in. */
  asking(): { readonly settings: AskingSettings; readonly sending: Sending };
  /** Throws when there is neither a client nor a sign-in. */
  settings(): Settings;
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
  const logins = new StoredLogins(io);
  const sendingOf = ({ timeoutMs }: AskingSettings): Sending => ({
    fetch: io.fetch,
    signal: io.signal,
    timeoutMs,
  });
  const settings = () => settingsOf(options, io, logins);
  return {
    io,
    json: options.json ?? false,
    paint: paintFor(io, options.color),
    width: io.isTerminal ? io.columns() : undefined,
    logins,
    asking() {
      const asked = askingSettingsOf(options, io, logins);
      return { settings: asked, sending: sendingOf(asked) };
    },
    settings,
    connect(...scopes) {
      const asked = settings();
      return RevocationsApi.connect({
        settings: asked,
        sending: sendingOf(asked),
        scopes,
        logins,
        now: io.now,
      });
    },
  };
}

/** One document, for machines. */
export function printJson({ io }: Session, value: unknown): void {
  io.stdout.write(`${JSON.stringify(value)}\n`);
}
