/**
 * The open streams of all apps. A stream ends with one event when the verdict over its session's claims becomes a kill, or when the
 * session runs out by itself. Whoever is behind a stream has no other right by it, so that a stream may outlive the ID token that
 * opened it, and every refresh.
 *
 * Fails towards silence: an app that hears nothing learns at its next call, as without a stream.
 */

import type { ServerResponse } from "node:http";
import { EventStream, every, HEARTBEAT } from "@portcullis/feed-server";
import {
  type Log,
  type Reason,
  SESSION_ENDED_EVENT,
  SESSION_EVENTS_HEARTBEAT_MS,
  type SessionEnded,
  type SetTimer,
} from "@portcullis/protocol";
import type { TokenCoordinates } from "@portcullis/revocation";
import type { AppInSession } from "../oidc/index.ts";
import type { LocalRevocations } from "../revocations/index.ts";
import type { SqlRevocationLog } from "../storage/log/sql-revocation-log.ts";
import type { DescribeEnding } from "./describe-ending.ts";

export interface SessionStreamsOptions {
  readonly local: Pick<LocalRevocations, "coordinatesOf" | "verdict">;
  readonly log: Pick<SqlRevocationLog, "subscribe" | "onIncarnation" | "refresh">;
  /** Of these grants, those that go on, and whose sessions do. */
  readonly ongoingGrants: (ids: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly describe: DescribeEnding;
  readonly setTimer: SetTimer;
  readonly operatorLog: Log;
}

interface OpenStream {
  readonly app: AppInSession;
  readonly at: TokenCoordinates;
  readonly stream: EventStream;
  /** SQL has said that its grant is over, and the log has not said why. */
  isMissing: boolean;
}

/** What is to be said of a session at this moment. */
export type Standing =
  | { readonly stands: true }
  | { readonly stands: false; readonly reason: Reason | undefined }
  /** Whoever made the ID token may have stolen its key: it says nothing of any session. */
  | "unproved";

/** All streams are judged no more often than that, however fast the log grows: a millisecond for some thousands. */
const JUDGE_INTERVAL_MS = 20;
const GRANTS_PER_QUERY = 500;
/** An event is some hundred bytes, and a heartbeat a dozen: who lets so much wait does not read. */
const WRITABLE_LIMIT_BYTES = 4096;

export class SessionStreams {
  readonly counters = { opened: 0, cutSlow: 0 };
  readonly #options: SessionStreamsOptions;
  readonly #open = new Set<OpenStream>();
  readonly #stops: readonly (() => unknown)[];
  #judging = false;
  #closed = false;

  constructor(options: SessionStreamsOptions) {
    this.#options = options;
    const judgeSoon = () => this.#judgeSoon();
    const stopBeating = every(SESSION_EVENTS_HEARTBEAT_MS, () => this.beat());
    this.#stops = [options.log.subscribe(judgeSoon), options.log.onIncarnation(judgeSoon), stopBeating];
  }

  get size(): number {
    return this.#open.size;
  }

  /** What the log and SQL say of the session now. */
  async standingOf(app: AppInSession): Promise<Standing> {
    await this.#options.log.refresh();
    const verdict = this.#verdict(this.#coordinatesOf(app));
    if (verdict.outcome === "killed")
      return verdict.scope === "key" ? "unproved" : { stands: false, reason: verdict.reason };
    const ongoing = await this.#options.ongoingGrants([app.gid]);
    return ongoing.has(app.gid) ? { stands: true } : { stands: false, reason: undefined };
  }

  /** Takes over the response. What has been ended since it was asked for is told at once: nothing falls between. */
  open(response: ServerResponse, app: AppInSession): void {
    // One that came in while the server stops would keep it from stopping.
    if (this.#closed) return void response.destroy();
    const { setTimer } = this.#options;
    const onSlow = () => void this.counters.cutSlow++;
    const stream = new EventStream({ response, setTimer, onSlow, writableLimitBytes: WRITABLE_LIMIT_BYTES });
    const opened = { app, at: this.#coordinatesOf(app), stream, isMissing: false };
    this.counters.opened++;
    this.#open.add(opened);
    stream.onClose(() => this.#open.delete(opened));
    this.#judge(opened);
  }

  /** Says that the line is alive, and ends what has run out by itself. Done regularly without being asked. */
  async beat(): Promise<void> {
    for (const { stream } of this.#open) stream.write(HEARTBEAT);
    try {
      await this.#endRunOut();
    } catch (error) {
      // SQL cannot be read: what the log says is heard all the same.
      this.#options.operatorLog.warn({ event: "session_streams_not_checked", error });
    }
  }

  close(): void {
    this.#closed = true;
    for (const stop of this.#stops) stop();
    for (const { stream } of this.#open) stream.destroy();
    this.#open.clear();
  }

  #coordinatesOf = ({ claims, kid }: AppInSession): TokenCoordinates =>
    this.#options.local.coordinatesOf(claims, { kid });

  #verdict = (at: TokenCoordinates) => this.#options.local.verdict(at);

  #judgeSoon(): void {
    if (this.#judging || this.#open.size === 0) return;
    this.#judging = true;
    this.#options.setTimer(() => {
      this.#judging = false;
      for (const opened of this.#open) this.#judge(opened);
    }, JUDGE_INTERVAL_MS);
  }

  /** Of claims that have merely changed the session lives on. */
  #judge(opened: OpenStream): void {
    const verdict = this.#verdict(opened.at);
    if (verdict.outcome !== "killed") return;
    // As above. The app comes back with an ID token of the next key, and hears what else there is.
    if (verdict.scope === "key") this.#cut(opened);
    else void this.#end(opened, verdict.reason);
  }

  #cut(opened: OpenStream): void {
    this.#open.delete(opened);
    opened.stream.destroy();
  }

  /** Never throws: what cannot be read of the ending is left out, and that it has ended is said. */
  async #end(opened: OpenStream, reason: Reason | undefined): Promise<void> {
    this.#open.delete(opened);
    const { app, stream } = opened;
    const ended = await this.#options.describe(app, reason).catch((error: unknown) => {
      this.#options.operatorLog.warn({ event: "session_ending_not_described", error });
      return reason === undefined ? {} : { reason };
    });
    stream.end(endedEvent(ended));
  }

  /** Not at the first look: what SQL says of an ending may be here before the log's own word, which has the reason. */
  async #endRunOut(): Promise<void> {
    const looked = [...this.#open];
    for (let at = 0; at < looked.length; at += GRANTS_PER_QUERY) {
      const some = looked.slice(at, at + GRANTS_PER_QUERY);
      const ongoing = await this.#options.ongoingGrants([...new Set(some.map(({ app }) => app.gid))]);
      for (const opened of some) this.#note(opened, ongoing.has(opened.app.gid));
    }
  }

  #note(opened: OpenStream, goesOn: boolean): void {
    if (goesOn) opened.isMissing = false;
    else if (!opened.isMissing) opened.isMissing = true;
    else if (this.#open.has(opened)) void this.#end(opened, undefined);
  }
}

const endedEvent = (ended: SessionEnded): Buffer =>
  Buffer.from(`event: ${SESSION_ENDED_EVENT}\ndata: ${JSON.stringify(ended)}\n\n`);
