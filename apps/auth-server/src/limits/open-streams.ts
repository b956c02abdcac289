/**
 * How many streams of session events may be open at once: of one session, one app, one client address, and in all. One who opens many
 * takes no place from others, except where all places are taken.
 */
import { addressGroup } from "@portcullis/service";
import { limitError } from "./errors.ts";

/** A browser needs one for each app that it has open, whatever the number of its tabs. */
const MAX_STREAMS_PER_SESSION = 20;

export interface StreamLimits {
  readonly sessionStreams: number;
  readonly sessionStreamsPerAddress: number;
}

export interface StreamOwner {
  readonly session: string;
  readonly client: string;
  readonly address: string;
}

export class OpenStreams {
  readonly #limits: StreamLimits;
  readonly #onRefused: () => void;
  readonly #counts = new Map<string, number>();
  #all = 0;

  constructor(limits: StreamLimits, onRefused: () => void) {
    this.#limits = limits;
    this.#onRefused = onRefused;
  }

  /**
   * Takes a place. Gives what gives it back, once. Throws `too_many_session_streams` when the owner has too many, and
   * `session_streams_full` when all have.
   */
  take(owner: StreamOwner): () => void {
    const kinds = this.#kindsOf(owner);
    const isOwn = kinds.some(({ key, most }) => this.#open(key) >= most);
    if (isOwn || this.#all >= this.#limits.sessionStreams) {
      this.#onRefused();
      throw limitError(isOwn ? "too_many_session_streams" : "session_streams_full");
    }
    const change = (by: 1 | -1) => {
      this.#all += by;
      for (const { key } of kinds) this.#count(key, by);
    };
    change(1);
    return once(() => change(-1));
  }

  #kindsOf({ session, client, address }: StreamOwner) {
    const { sessionStreams: most, sessionStreamsPerAddress: ofAddress } = this.#limits;
    return [
      { key: `session ${session}`, most: Math.min(MAX_STREAMS_PER_SESSION, most) },
      // There is always room for other apps.
      { key: `client ${client}`, most: Math.max(1, Math.floor((most * 9) / 10)) },
      { key: `address ${addressGroup(address)}`, most: ofAddress },
    ];
  }

  #open = (key: string): number => this.#counts.get(key) ?? 0;

  #count(key: string, by: 1 | -1): void {
    const open = this.#open(key) + by;
    if (open === 0) this.#counts.delete(key);
    else this.#counts.set(key, open);
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}
