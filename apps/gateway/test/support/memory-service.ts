import { Readable } from "node:stream";
import type { Dispatcher } from "undici";

/** What the service got of one request. */
export interface Sent {
  readonly method: string;
  readonly path: string;
  /** By lower-case name. */
  readonly fields: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Says nothing, answers, or fails. */
export type Behaviour = "silent" | "answers" | Error;

/** A service without a connection to it, in the place of undici's pool: it tells its callers what that would tell them. */
export class MemoryService {
  behaviour: Behaviour = "answers";
  /** Whole requests, in the order in which they came. */
  readonly got: Sent[] = [];

  dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    let isOver = false;
    const fail = (error: Error): void => {
      if (isOver) return;
      isOver = true;
      if (options.body instanceof Readable) options.body.destroy();
      handler.onResponseError!(controller, error);
    };
    const controller = { abort: fail, pause() {}, resume() {} } as unknown as Dispatcher.DispatchController;
    handler.onRequestStart!(controller, {});
    readBody(options.body, fail, (body) => {
      if (isOver) return;
      this.got.push({ method: options.method, path: options.path, fields: byName(options.headers), body });
      if (this.behaviour instanceof Error) return fail(this.behaviour);
      if (this.behaviour === "silent") return;
      isOver = true;
      handler.onResponseStart!(controller, 200, { "x-service": "yes" });
      handler.onResponseData!(controller, Buffer.from("ok"));
      handler.onResponseEnd!(controller, {});
    });
    return true;
  }
}

function readBody(
  body: Dispatcher.DispatchOptions["body"],
  onError: (error: Error) => void,
  onBody: (body: string) => void,
): void {
  if (!(body instanceof Readable)) {
    onBody(body === null ? "" : String(body));
    return;
  }
  let text = "";
  body.on("data", (part) => {
    text += part;
  });
  body.on("error", onError);
  body.on("end", () => onBody(text));
}

function byName(headers: Dispatcher.DispatchOptions["headers"]): Record<string, string> {
  const list = headers as readonly string[];
  return Object.fromEntries(list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1]!]] : [])));
}
