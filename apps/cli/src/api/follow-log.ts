/**
 * The log as it grows, for people: what the feed announces is looked up in clear. It survives restarts of the
 * server: the cursor moves only when a batch was told completely, so nothing is told twice or left out.
 */
import { hasCode, PortcullisError, type Reset, type RevocationEntry } from "@portcullis/protocol";
import type { FeedCursor, FeedEvent } from "@portcullis/revocation";
import { cliError } from "../errors.ts";
import type { Io } from "../io.ts";
import type { RevocationsApi } from "./revocations-api.ts";

const MAX_PER_PAGE = 500;
const FIRST_RETRY_MS = 1000;
/** Between two streams that ended well: a server that ends them all at once is not asked without a pause. */
const PAUSE_MS = 50;
const LONGEST_RETRY_MS = 10_000;
/** The server says something every two seconds. */
const SILENCE_MS = 10_000;
const COME_AGAIN: ReadonlySet<string> = new Set(["feed_unavailable", "issuer_unreachable", "timed_out"]);

interface FollowOptions {
  readonly api: RevocationsApi;
  readonly io: Pick<Io, "delay" | "signal">;
  /** The first seq to tell; default: the next that is committed. */
  readonly from: number | undefined;
  readonly onRevocation: (entry: RevocationEntry) => void;
  /** What happens on the way, in words. */
  readonly onNotice: (text: string) => void;
}

/** Resolves when the signal aborts; throws for what no waiting mends. */
export async function followLog(options: FollowOptions): Promise<void> {
  await new LogFollower(options).run();
}

class LogFollower {
  readonly #options: FollowOptions;
  #cursor: FeedCursor = { incarnation: "", seq: 0 };
  #retryMs = FIRST_RETRY_MS;
  #isLost = false;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal, delay } = this.#options.io;
    await this.#begin();
    while (!signal.aborted) {
      try {
        // It ends without an error when the token that opened it expires: nothing to speak of.
        await this.#follow();
        await delay(PAUSE_MS, signal);
      } catch (error) {
        if (signal.aborted) return;
        this.#lost(error);
        await delay(this.#retryMs, signal);
        this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
      }
    }
  }

  async #begin(): Promise<void> {
    const { api, from, onNotice } = this.#options;
    const { incarnation, head, oldestKept } = await api.batches(0, 1);
    const seq = from === undefined ? head : Math.min(from - 1, head);
    if (seq + 1 < oldestKept) onNotice(`Revocations before seq ${oldestKept} have expired and are gone.`);
    this.#cursor = { incarnation, seq: Math.max(seq, oldestKept - 1) };
  }

  async #follow(): Promise<void> {
    const silence = new WhenSilent(SILENCE_MS);
    const signal = AbortSignal.any([this.#options.io.signal, silence.signal]);
    try {
      for await (const event of this.#options.api.feed().stream(this.#cursor, signal)) {
        silence.heard();
        this.#found();
        if (event.type === "reset") return await this.#startAnew(event.reset);
        if (event.type === "batch") await this.#tell(event);
      }
    } finally {
      silence.end();
    }
  }

  async #tell({ batch }: Extract<FeedEvent, { type: "batch" }>): Promise<void> {
    const { incarnation, to } = batch;
    const entries = await this.#lookUp(this.#cursor.seq, to);
    for (const entry of entries) this.#options.onRevocation(entry);
    this.#cursor = { incarnation, seq: to };
  }

  async #lookUp(after: number, to: number): Promise<RevocationEntry[]> {
    const entries: RevocationEntry[] = [];
    for (let before: number | undefined = to + 1; before !== undefined && before > after + 1; ) {
      const limit = Math.min(MAX_PER_PAGE, before - after - 1);
      const page = await this.#options.api.list({ before, limit });
      for (const entry of page.revocations) if (entry.seq > after) entries.push(entry);
      before = page.next;
    }
    return entries.reverse();
  }

  async #startAnew({ reason }: Reset): Promise<void> {
    const { api, onNotice } = this.#options;
    const { incarnation, head, oldestKept } = await api.batches(0, 1);
    const { seq } = this.#cursor;
    this.#cursor = { incarnation, seq: Math.max(Math.min(seq, head), oldestKept - 1) };
    if (reason === "too_old")
      onNotice(`Seq ${seq + 1} to ${oldestKept - 1} have expired in the meantime and are gone.`);
    else if (seq <= head) onNotice("The log has started anew (another incarnation). Watching goes on.");
    else onNotice(`The log was rolled back from seq ${seq} to ${head}. Revocations after that are lost.`);
  }

  #lost(error: unknown): void {
    if (!(error instanceof PortcullisError) || !COME_AGAIN.has(error.code)) throw error;
    const why = hasCode(error, "feed_unavailable") ? (error.detail ?? error.message) : error.message;
    const seconds = Math.round(this.#retryMs / 1000);
    if (!this.#isLost) this.#options.onNotice(`Connection lost (${why}); trying again in ${seconds} s.`);
    this.#isLost = true;
  }

  #found(): void {
    if (this.#isLost) this.#options.onNotice(`Connected again; going on after seq ${this.#cursor.seq}.`);
    this.#isLost = false;
    this.#retryMs = FIRST_RETRY_MS;
  }
}

/** Aborts when nothing was heard for a time: a line can be dead without anybody saying so. */
class WhenSilent {
  readonly #ms: number;
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;

  constructor(ms: number) {
    this.#ms = ms;
    this.heard();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  heard(): void {
    clearTimeout(this.#timer);
    const silent = () =>
      this.#abort.abort(cliError("timed_out", { text: `nothing was heard for ${this.#ms / 1000} s` }));
    this.#timer = setTimeout(silent, this.#ms);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
