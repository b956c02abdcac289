import type { ServerResponse } from "node:http";
import type { AllowDecision, DenyDecision } from "../decision.ts";
import { headersToDrop } from "./body-headers.ts";

type Send = (response: ServerResponse, denial: DenyDecision) => void;

/** Whatever is called first starts the response. `writeHead` alone is not enough: `end` calls it too late. */
const STARTS = ["writeHead", "flushHeaders", "write", "end"] as const;

/**
 * A handler can take seconds, and a token be revoked meanwhile: a receipt promises that no success starts
 * after it. So the decision is taken again when the response is about to start. If it is a denial now, that
 * is sent, and what the handler writes goes nowhere.
 */
export function recheckBeforeResponse(response: ServerResponse, decision: AllowDecision, send: Send): void {
  for (const name of STARTS) intercept(name);

  function intercept(name: (typeof STARTS)[number]): void {
    Object.defineProperty(response, name, {
      configurable: true,
      writable: true,
      value: (...values: unknown[]) => {
        restore();
        const denial = denialNow(name, values[0]);
        if (denial !== undefined) replaceResponse(denial);
        return (response[name] as (...values: unknown[]) => unknown).apply(response, values);
      },
    });
  }

  /** The methods of the prototype show again. */
  function restore(): void {
    for (const name of STARTS) Reflect.deleteProperty(response, name);
  }

  function denialNow(name: string, first: unknown): DenyDecision | undefined {
    const status = name === "writeHead" ? Number(first) : response.statusCode;
    // An error that the handler reports is not a success that must not start.
    if (status >= 400) return undefined;
    const again = decision.recheck();
    return again.outcome === "deny" ? again : undefined;
  }

  function replaceResponse(denial: DenyDecision): void {
    for (const name of headersToDrop(response.getHeaderNames())) response.removeHeader(name);
    send(response, denial);
    swallow(response);
  }
}

/** The handler goes on as if it were heard: a stream piped into the response must still come to its end. */
function swallow(response: ServerResponse): void {
  const ignoring =
    (result: unknown) =>
    (...values: unknown[]) => {
      const callback = values.at(-1);
      if (typeof callback === "function") process.nextTick(callback);
      return result;
    };
  const results = { writeHead: response, flushHeaders: undefined, write: true, end: response };
  for (const name of STARTS) {
    Object.defineProperty(response, name, {
      configurable: true,
      writable: true,
      value: ignoring(results[name]),
    });
  }
}
