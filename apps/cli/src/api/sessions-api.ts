/** The calls of sessions: docs/reference/api.md. */
import {
  type DryRun,
  dryRunSchema,
  type EndedSession,
  type EndedSessions,
  endedSessionSchema,
  endedSessionsSchema,
  type SessionEntry,
  type SessionList,
  sessionListSchema,
  sessionSchema,
} from "@portcullis/protocol";
import type { ApiCall, AskApi } from "./users-api.ts";

const MAX_ITEMS_PER_PAGE = 200;

/** One session, or some of a user's. `body` says which, and why. */
export type SessionsToEnd = { readonly body: object } & (
  | { readonly sid: string }
  | { readonly user: string }
);

export class SessionsApi {
  readonly #ask: AskApi;

  constructor(ask: AskApi) {
    this.#ask = ask;
  }

  /** As many pages as it takes. `next` is there if there are more. */
  async list(query: NonNullable<ApiCall["query"]>, most: number): Promise<SessionList> {
    const items: SessionEntry[] = [];
    let cursor: string | undefined;
    do {
      const limit = Math.min(MAX_ITEMS_PER_PAGE, most - items.length);
      const path = "/sessions";
      const page = await this.#ask(sessionListSchema, { path, query: { ...query, limit, cursor } });
      items.push(...page.items);
      cursor = page.next;
    } while (cursor !== undefined && items.length < most);
    return { items, ...(cursor === undefined ? {} : { next: cursor }) };
  }

  get(sid: string): Promise<SessionEntry> {
    return this.#ask(sessionSchema, { path: pathOf(sid) });
  }

  /** `null`: it has no name of its own any more. */
  rename(sid: string, name: string | null): Promise<SessionEntry> {
    return this.#ask(sessionSchema, { method: "PATCH", path: pathOf(sid), body: { device: { name } } });
  }

  end(which: SessionsToEnd, waitSeconds: number): Promise<EndedSession | EndedSessions> {
    const call = { ...endingOf(which), waitSeconds };
    return "sid" in which ? this.#ask(endedSessionSchema, call) : this.#ask(endedSessionsSchema, call);
  }

  wouldEnd(which: SessionsToEnd): Promise<DryRun> {
    return this.#ask(dryRunSchema, { ...endingOf(which), query: { dryRun: "true" } });
  }
}

const pathOf = (sid: string): string => `/sessions/${encodeURIComponent(sid)}`;

function endingOf(which: SessionsToEnd): ApiCall {
  const { body } = which;
  if ("sid" in which) return { method: "DELETE", path: pathOf(which.sid), body };
  return { method: "POST", path: `/users/${encodeURIComponent(which.user)}/sessions/end`, body };
}
