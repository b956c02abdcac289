import type { Reason } from "@portcullis/protocol";
import type { EndedSession } from "./ended-session.ts";
import type { User } from "./session.ts";

export type ClientEvent =
  | { readonly type: "signed-in"; readonly user: User }
  /** In another tab, while nobody is signed in in this one: `signIn({ prompt: "none" })` follows it. */
  | { readonly type: "signed-in-elsewhere" }
  | { readonly type: "refreshed" }
  /** The user pressed "sign out", here or in another tab. */
  | { readonly type: "signed-out"; readonly fromOtherTab: boolean }
  /** The refresh token no longer works: it ran out, or the session was ended while nothing was called. */
  | ({ readonly type: "session-ended" } & EndedSession)
  /** The session was ended, and the issuer or a service has said so: say why, and offer to sign in again. */
  | ForcedLogout;

export interface ForcedLogout extends Omit<EndedSession, "reason"> {
  readonly type: "forced-logout";
  readonly reason: Reason;
  readonly fromOtherTab: boolean;
}

export type Listener = (event: ClientEvent) => void;

export class Listeners {
  readonly #listeners = new Set<Listener>();

  add(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  emit(event: ClientEvent): void {
    for (const listener of [...this.#listeners]) notify(listener, event);
  }
}

/** As an EventTarget does: what one listener throws is no reason for another not to hear of a forced logout. */
function notify(listener: Listener, event: ClientEvent): void {
  try {
    listener(event);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
