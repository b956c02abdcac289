import { type Clock, systemClock } from "@portcullis/protocol";
import { type Logger, pino } from "pino";
import type { LogDestination } from "./log-destination.ts";
import { redact } from "./redact.ts";

export interface LogOptions {
  /** Of the process: in every line. */
  readonly name: string;
  /** Takes whole lines and waits for nobody. */
  readonly destination: Pick<LogDestination, "write">;
  readonly clock?: Pick<Clock, "wallMs">;
}

/** Returns the log of a process: one line of JSON an event, with no secret in it, whatever it is given. */
export function createLog({ name, destination, clock = systemClock }: LogOptions): Logger {
  const log = pino(
    {
      // Not pino's own `name`, which is what many events call something else.
      base: { process: name, pid: process.pid },
      timestamp: () => `,"time":"${new Date(clock.wallMs()).toISOString()}"`,
      // Pino has serializers of its own for these two, and they would tell more than we do.
      serializers: { err: (error: unknown) => error, error: (error: unknown) => error },
      formatters: {
        level: (level) => ({ level }),
        log: (event) => redact(event) as Record<string, unknown>,
      },
      // Texts of libraries that log with ours.
      hooks: {
        logMethod(parameters, method) {
          method.apply(
            this,
            // The first is an event, which passes `formatters.log`, or a text; what follows is put into a text.
            parameters.map((value, at) =>
              at > 0 || typeof value === "string" ? redact(value) : value,
            ) as typeof parameters,
          );
        },
      },
    },
    destination,
  );
  return withRedactedChildren(log);
}

/** What a child adds to each of its lines passes none of the above: pino resets the formatter of bindings for it. */
function withRedactedChildren(log: Logger): Logger {
  const { child } = log;
  log.child = function redacted(this: Logger, bindings: object, ...options: never[]) {
    return child.call(this, redact(bindings) as object, ...options);
  } as typeof child;
  return log;
}
