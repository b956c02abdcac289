import { readDenial } from "@portcullis/client";
import type { Call } from "./call-log.ts";

interface OrdersAnswer {
  readonly orders?: readonly unknown[];
  readonly via?: string;
}

/** One call, told as a row of the log. Throws only when the client has no session to call with. */
export async function callOrders(call: typeof fetch, url: string): Promise<Call> {
  const at = new Date();
  const started = performance.now();
  const response = await call(url, { cache: "no-store" });
  const tookMs = performance.now() - started;
  return { at, tookMs, status: response.status, said: await saidBy(response) };
}

async function saidBy(response: Response): Promise<string> {
  if (response.ok) {
    const { orders = [], via } = (await response.json()) as OrdersAnswer;
    return `${orders.length} orders${via === "gateway" ? ", via the gateway" : ""}`;
  }
  const { reason, mode, error } = await readDenial(response);
  if (reason !== undefined) return `reason ${reason}, mode ${mode}`;
  if (response.status === 503) return "cannot confirm the token right now";
  return error ?? response.statusText;
}
