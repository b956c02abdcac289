/**
 * The time by which servers keep and delete what they share. It rests on no single clock: what is deleted has ended by this
 * machine's wall clock, by its monotonic clock, and by how much time the database can have seen pass. Decision 0069.
 */
import { type Clock, wallSecondsOf } from "@portcullis/protocol";
import { type Kysely, sql } from "kysely";
import type { Database, Dialect } from "../database.ts";
import { logError } from "./errors.ts";

export interface RetentionClock {
  /** Seconds. What ended before has ended by every clock. */
  earliest(): number;
  /** Seconds. What is to be kept for a time is kept so long from here. */
  latest(): number;
}

/**
 * After a start, the time of deleting comes on at most so many times as fast as time passes. While no server ran, nobody saw how
 * long that was: a clock that is ahead looks like a server that was away. So what it could destroy goes slowly, and is announced.
 */
const CATCH_UP_RATE = 2;

export interface SharedTimeOptions {
  readonly dialect: Dialect;
  readonly read: Kysely<Database>;
  readonly clock: Clock;
  readonly clockSkewSeconds: number;
  /** Milliseconds. Default: the database's own; SQLite has none. */
  readonly databaseClock?: (() => Promise<number>) | undefined;
}

interface OpenOptions {
  /** On a writing connection, while no other server is starting on this database. */
  readonly write: Kysely<Database>;
}

export class SharedTime implements RetentionClock {
  readonly #options: SharedTimeOptions;
  /** Seconds, of the wall clock when the monotonic clock was 0. */
  readonly #startedAt: number;
  readonly #openedAtMs: number;
  /** Seconds: how far the time had come when this server opened the database. */
  readonly #seen: number;

  /** Throws `clock_wrong`. To be called before anything else is written: a server whose clock is wrong changes nothing. */
  static async open(options: SharedTimeOptions & OpenOptions): Promise<SharedTime> {
    const { clock, clockSkewSeconds, write } = options;
    refuseDifference(await secondsAhead(options), clockSkewSeconds);
    const seen = await readSeen(write, Math.floor(wallSecondsOf(clock)));
    refuseEarlier(seen - wallSecondsOf(clock), clockSkewSeconds);
    return new SharedTime(options, seen);
  }

  private constructor(options: SharedTimeOptions, seen: number) {
    const { clock } = options;
    this.#options = options;
    this.#startedAt = wallSecondsOf(clock) - clock.monotonicMs() / 1000;
    this.#openedAtMs = clock.monotonicMs();
    this.#seen = seen;
  }

  earliest(): number {
    return Math.floor(Math.min(...this.#clocks(), this.#explained()));
  }

  latest(): number {
    return Math.floor(Math.max(...this.#clocks()));
  }

  /** Seconds for which nobody vouches: no server ran, or a clock is ahead. 0 once this server has run for half as long. */
  unexplained(): number {
    return Math.max(0, Math.floor(Math.min(...this.#clocks()) - this.#explained()));
  }

  /** Seconds by which the wall clock is ahead of the database's, at least; negative when it is behind. */
  secondsAhead(): Promise<number> {
    return secondsAhead(this.#options);
  }

  #clocks(): readonly number[] {
    const { clock } = this.#options;
    return [wallSecondsOf(clock), this.#startedAt + clock.monotonicMs() / 1000];
  }

  #explained(): number {
    return this.#seen + (CATCH_UP_RATE * (this.#options.clock.monotonicMs() - this.#openedAtMs)) / 1000;
  }
}

/**
 * How long after its `exp`, by our clock, a token may still be taken for good: verifiers accept it for the skew longer than
 * its `exp`, by a clock that may itself be behind ours by the skew. One that is further behind allows nothing.
 */
export const leewaySeconds = (clockSkewSeconds: number): number => 2 * clockSkewSeconds;

/** Notes how far the time has come. It never goes back, whoever writes it. */
export async function noteSeen(write: Kysely<Database>, seconds: number): Promise<void> {
  await write
    .updateTable("prune_clock")
    .set({ seconds })
    .where("id", "=", 1)
    .where("seconds", "<", seconds)
    .execute();
}

/** Of a database that no server of this version has opened: the newest revocation, or now. */
async function readSeen(write: Kysely<Database>, now: number): Promise<number> {
  const row = await write.selectFrom("prune_clock").select("seconds").executeTakeFirst();
  if (row !== undefined) return row.seconds;
  const { newest } = await write
    .selectFrom("revocations")
    .select(({ fn }) => fn.max<number | null>("revoked_at").as("newest"))
    .executeTakeFirstOrThrow();
  const seconds = Math.min(now, newest ?? now);
  await write.insertInto("prune_clock").values({ id: 1, seconds }).execute();
  return seconds;
}

/** What the question itself took is no difference: the database may have read its clock at any moment of it. */
async function secondsAhead(options: SharedTimeOptions): Promise<number> {
  const { clock, databaseClock = clockOf(options) } = options;
  if (databaseClock === undefined) return 0;
  const before = clock.wallMs();
  const at = await databaseClock();
  const after = clock.wallMs();
  if (at < before) return (before - at) / 1000;
  return at > after ? (after - at) / 1000 : 0;
}

function clockOf({ dialect, read }: SharedTimeOptions): (() => Promise<number>) | undefined {
  if (dialect === "sqlite") return undefined;
  return async () => {
    const { rows } = await sql<{
      ms: number;
    }>`select floor(extract(epoch from clock_timestamp()) * 1000)::bigint as ms`.execute(read);
    return rows[0]!.ms;
  };
}

function refuseDifference(ahead: number, clockSkewSeconds: number): void {
  if (Math.abs(ahead) <= clockSkewSeconds) return;
  const side = ahead > 0 ? "ahead of" : "behind";
  throw logError("clock_wrong", {
    text: `This machine's clock is ${Math.round(Math.abs(ahead))} s ${side} the database's, and ${clockSkewSeconds} s are allowed (clockSkewSeconds). Nothing was changed. Set both clocks by NTP, and start again.`,
  });
}

function refuseEarlier(behind: number, clockSkewSeconds: number): void {
  if (behind <= clockSkewSeconds) return;
  throw logError("clock_wrong", {
    text: `This machine's clock is ${Math.round(behind)} s behind the time that servers on this database have seen pass. Nothing was changed. Set the clock by NTP, and start again. If it is right, and a server has run with one that was ahead: wait until it has come so far, or delete the row of the table prune_clock and, once the server runs, revoke the issuer (docs/guides/clocks.md).`,
  });
}
