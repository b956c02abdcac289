import { SESSION_ENDED_EVENT, SESSION_EVENTS_HEARTBEAT_MS } from "@portcullis/protocol";
import type { AuthorizationServer } from "./authorization-server.ts";
import { type EndedSession, endedSessionOf } from "./ended-session.ts";
import { readEvents } from "./event-stream.ts";
import type { Settings } from "./options.ts";
import type { Session } from "./session.ts";

export interface SessionEventsOptions {
  readonly settings: Settings;
  readonly server: AuthorizationServer;
  /** The session of this tab at this moment. */
  readonly current: () => Session | undefined;
  /** A session with a newer ID token. Tells by itself when the issuer refuses it. */
  readonly refresh: (spent: Session) => Promise<Session>;
  readonly onEnded: (session: Session, ended: EndedSession) => void;
}

/** How an attempt to listen went. */
type Outcome =
  | { readonly kind: "ended"; readonly session: Session; readonly ended: EndedSession }
  /** The ID token is too old. */
  | { readonly kind: "unauthorized"; readonly session: Session }
  /** It will never do: an older server, or a page that is not registered. */
  | { readonly kind: "refused" }
  /** `heard`: for a while it worked. */
  | { readonly kind: "lost"; readonly heard: boolean; readonly retryAfterMs: number };

const LOST: Outcome = { kind: "lost", heard: false, retryAfterMs: 0 };

interface Counts {
  /** Attempts in a row by which nothing was heard. */
  failures: number;
  /** ID tokens in a row that were refused. */
  refreshes: number;
}

function count(counts: Counts, outcome: Outcome): void {
  const isHeard = outcome.kind === "lost" && outcome.heard;
  counts.failures = isHeard ? 0 : counts.failures + 1;
  if (outcome.kind === "unauthorized") counts.refreshes++;
  else if (isHeard) counts.refreshes = 0;
}

const SILENCE_MS = SESSION_EVENTS_HEARTBEAT_MS * 2.7;
const MIN_DELAY_MS = 4_000;
const MAX_DELAY_MS = 60_000;
/** Who looks at another tab for a moment comes back to a stream that is still there. */
const HIDDEN_MS = 10_000;

/**
 * Listens for the end of the session (docs/reference/session-events.md): one stream for all tabs that hold tokens of one grant, in a tab that
 * is visible. Every failure leads back to what was without it: the next call tells.
 */
export class SessionEvents {
  readonly #options: SessionEventsOptions;
  readonly #stopWatching: () => void;
  #following: { readonly grant: string; readonly controller: AbortController } | undefined;
  #cancelHiding = (): void => {};
  #isRefused = false;

  constructor(options: SessionEventsOptions) {
    this.#options = options;
    const { listens, environment } = options.settings;
    this.#stopWatching = listens ? environment.visibility.onChange(() => this.follow()) : () => {};
  }

  /** To be called whenever the session of this tab may be another one. */
  follow(): void {
    const { current, settings } = this.#options;
    const grant = settings.listens && !this.#isRefused ? grantOf(current()) : undefined;
    if (grant !== this.#following?.grant) this.#stop();
    this.#cancelHiding();
    if (grant === undefined) return;
    const { visibility, setTimer } = settings.environment;
    if (visibility.isVisible) this.#start(grant);
    else if (this.#following !== undefined) this.#cancelHiding = setTimer(() => this.#stop(), HIDDEN_MS);
  }

  close(): void {
    this.#stopWatching();
    this.#stop();
  }

  #start(grant: string): void {
    if (this.#following !== undefined) return;
    const controller = new AbortController();
    const following = { grant, controller };
    this.#following = following;
    const { signal } = controller;
    const { environment, prefix } = this.#options.settings;
    const alone = environment.locks.request(`${prefix}:events:${grant}`, () => this.#listen(grant, signal), {
      signal,
    });
    // What ends it early, such as a lock that is not to be had, leaves the tab without a stream until it is looked at again.
    void alone
      .catch(() => {})
      .then(() => {
        if (this.#following === following) this.#following = undefined;
      });
  }

  #stop(): void {
    this.#cancelHiding();
    this.#following?.controller.abort();
    this.#following = undefined;
  }

  /** One attempt after another, until the session is over, or not this tab's any more. */
  async #listen(grant: string, signal: AbortSignal): Promise<void> {
    const counts = { failures: 0, refreshes: 0 };
    for (let session = this.#sessionOf(grant); session !== undefined; session = this.#sessionOf(grant)) {
      if (signal.aborted) return;
      const outcome = await this.#attempt(session, signal);
      if (signal.aborted || this.#settles(outcome, counts)) return;
      const next = outcome.kind === "unauthorized" ? await this.#renew(outcome.session) : outcome;
      count(counts, outcome);
      if (next?.kind === "lost") await this.#pause(next.retryAfterMs, counts.failures, signal);
    }
  }

  /** Whether there is nothing more to listen for. */
  #settles(outcome: Outcome, { refreshes }: Counts): boolean {
    if (outcome.kind === "ended") this.#options.onEnded(outcome.session, outcome.ended);
    if (outcome.kind === "refused") this.#isRefused = true;
    // A refresh has brought an ID token that is no better: asking on would only rotate tokens.
    if (outcome.kind === "unauthorized") return refreshes > 0;
    return outcome.kind !== "lost";
  }

  /** Brings a newer ID token, or the end of the session. An issuer that is away is tried again later. */
  async #renew(session: Session): Promise<Outcome | undefined> {
    return this.#options.refresh(session).then(
      () => undefined,
      () => LOST,
    );
  }

  async #attempt(session: Session, signal: AbortSignal): Promise<Outcome> {
    const silence = new Silence(this.#options.settings, signal);
    try {
      const url = await this.#options.server.sessionEventsUrl();
      if (url === undefined) return { kind: "refused" };
      const response = await this.#options.settings.environment.fetch(url, {
        headers: { authorization: `Bearer ${session.idToken}`, accept: "text/event-stream" },
        cache: "no-store",
        credentials: "omit",
        signal: silence.signal,
      });
      return response.status === 200
        ? await hear(response, session, silence)
        : await readRefusal(response, session);
    } catch {
      return LOST;
    } finally {
      silence.end();
    }
  }

  #sessionOf(grant: string): Session | undefined {
    const session = this.#options.current();
    return grantOf(session) === grant ? session : undefined;
  }

  /** A random time, so that not all come back at once to a server that was started again. */
  #pause(retryAfterMs: number, failures: number, signal: AbortSignal): Promise<void> {
    const { setTimer, random } = this.#options.settings.environment;
    const most = Math.min(MAX_DELAY_MS, MIN_DELAY_MS * 2 ** failures);
    return new Promise((resolve) => {
      const cancel = setTimer(resolve, retryAfterMs + random() * most);
      signal.addEventListener("abort", () => {
        cancel();
        resolve();
      });
    });
  }
}

/** Of an ID token without one nothing can be heard: it is of another kind of server. */
export function grantOf(session: Session | undefined): string | undefined {
  const gid = session?.user.gid;
  return typeof gid === "string" ? gid : undefined;
}

/** Ends an attempt when nothing comes for long: a line that is dead says nothing by itself. */
class Silence {
  readonly signal: AbortSignal;
  readonly #controller = new AbortController();
  readonly #settings: Settings;
  readonly #outer: AbortSignal;
  #cancel = (): void => {};

  constructor(settings: Settings, outer: AbortSignal) {
    this.#settings = settings;
    this.#outer = outer;
    this.signal = this.#controller.signal;
    outer.addEventListener("abort", this.#abort);
    this.breakOff();
  }

  /** Something has come. */
  breakOff = (): void => {
    this.#cancel();
    this.#cancel = this.#settings.environment.setTimer(this.#abort, SILENCE_MS);
  };

  end(): void {
    this.#cancel();
    this.#outer.removeEventListener("abort", this.#abort);
    this.#abort();
  }

  #abort = (): void => this.#controller.abort();
}

async function hear(response: Response, session: Session, silence: Silence): Promise<Outcome> {
  let heard = false;
  const onBytes = () => {
    heard = true;
    silence.breakOff();
  };
  try {
    for await (const { name, data } of readEvents(response.body!, onBytes))
      if (name === SESSION_ENDED_EVENT)
        return { kind: "ended", session, ended: endedSessionOf(JSON.parse(data)) };
  } catch {}
  return { kind: "lost", heard, retryAfterMs: 0 };
}

async function readRefusal(response: Response, session: Session): Promise<Outcome> {
  const { status, headers } = response;
  if (status === 429 || status >= 500) {
    const seconds = Number(headers.get("retry-after") ?? 0);
    return { kind: "lost", heard: false, retryAfterMs: seconds >= 0 ? seconds * 1000 : 0 };
  }
  if (status !== 401) return { kind: "refused" };
  const body = (await response.json().catch(() => ({}))) as Record<string, unknown> | null;
  if (body?.mode !== "kill") return { kind: "unauthorized", session };
  return { kind: "ended", session, ended: endedSessionOf(body) };
}
