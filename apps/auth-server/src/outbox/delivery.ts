/** One delivery, and what a try of it comes to. */
import type { Selectable } from "kysely";
import type { OutboxTable } from "../storage/tables/outbox.ts";

export type Delivery = Selectable<OutboxTable>;

/** What a try came to. */
export type Outcome =
  | { readonly state: "delivered" }
  /** The recipient has no address for it any more. */
  | { readonly state: "unsupported" }
  /** What it would tell is not so any more: there is nothing to tell. */
  | { readonly state: "superseded" }
  /** For operators: no secret, and nothing of what the recipient sent. */
  | { readonly state: "failed"; readonly error: string };

/** Tries once. A rejection is a failed try as well, but for that of the signal. */
export type Send = (delivery: Delivery, signal: AbortSignal) => Promise<Outcome>;
