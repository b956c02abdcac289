import type { Reason } from "@portcullis/protocol";
import { reasonOf } from "./denial.ts";
import { type EndedSession, endedSessionOf } from "./ended-session.ts";
import type { Channel } from "./environment.ts";
import { isSession, type Session } from "./session.ts";

/** What tabs of one origin and client tell each other. */
export type TabMessage =
  | { readonly type: "refreshed"; readonly session: Session }
  | { readonly type: "signed-in" }
  /** `sid` names the session at the issuer, where it does: what this app has below it ended in all tabs. */
  | { readonly type: "signed-out"; readonly sessionId: string; readonly sid?: string }
  /** `grant`: all below it has ended, in whatever tab. Absent: a token of this session was refused. */
  | ({
      readonly type: "forced-logout";
      readonly sessionId: string;
      readonly subject: string;
      readonly reason: Reason;
      readonly grant?: string;
    } & EndedSession);

/** The other tabs. What comes from them is read as data of an unknown sender of this origin. */
export class Tabs {
  readonly #channel: Channel;
  #closed = false;

  constructor(channel: Channel, receive: (message: TabMessage) => void) {
    this.#channel = channel;
    channel.onmessage = ({ data }) => {
      const message = parseMessage(data);
      if (message !== undefined) receive(message);
    };
  }

  tell(message: TabMessage): void {
    // A closed channel throws, and that must not keep this tab from forgetting its tokens.
    if (!this.#closed) this.#channel.postMessage(message);
  }

  close(): void {
    this.#closed = true;
    this.#channel.onmessage = null;
    this.#channel.close();
  }
}

function parseMessage(data: unknown): TabMessage | undefined {
  if (typeof data !== "object" || data === null) return undefined;
  const { type, session, sessionId, sid, subject, reason, grant } = data as Record<string, unknown>;
  if (type === "refreshed") return isSession(session) ? { type, session } : undefined;
  if (type === "signed-in") return { type };
  if (typeof sessionId !== "string") return undefined;
  if (type === "signed-out") return { type, sessionId, ...(typeof sid === "string" ? { sid } : {}) };
  if (type === "forced-logout" && typeof subject === "string") {
    const ended = { ...endedSessionOf(data), reason: reasonOf(reason) };
    return { type, sessionId, subject, ...ended, ...(typeof grant === "string" ? { grant } : {}) };
  }
  return undefined;
}
