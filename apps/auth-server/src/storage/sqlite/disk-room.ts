/**
 * What is left on the disk of a SQLite file. Looked at every second, and at each failure: when the store says that it is
 * full, the reserve is given back and the same transaction runs again.
 *
 * Space inside of the file counts as free: pages of deleted rows are used again, though the file does not get
 * smaller. So it heals by itself once expired rows are pruned, and at once when somebody makes space on the disk.
 */

import { type StatsFs, statfsSync } from "node:fs";
import { dirname } from "node:path";
import type { Log } from "@portcullis/protocol";
import { storageError } from "../errors.ts";
import { ReserveFile } from "../space/reserve-file.ts";
import type { Room, SpaceState } from "../space/room.ts";
import type { DiskRoomOptions } from "../storage.ts";
import type { OnBehalfOf } from "../write-transaction.ts";
import { storeFailureOf } from "./failures.ts";

const LOOK_MS = 1000;
/** Before the reserve is made anew: a store that goes on failing must not have it written all the time. */
const PAUSE_MS = 2000;
/** A state is left for a better one with so much more space than it was entered with: no flapping. */
const BETTER_BY = 1.25;
/** On a small disk marks are smaller: shares of all of it. */
const SHARES = { reserve: 0.1, refuseStrangers: 0.1, alarm: 0.25, journal: 0.05 };
/** What the journal (the WAL) may need besides while it is written back. */
const JOURNAL_BYTES = 4 * 1024 * 1024;

/** Also when a file of the store could not be made or made longer, which is said differently. */
const FULL = new Set(["SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"]);

interface DiskOptions extends DiskRoomOptions {
  readonly file: string;
  /** Bytes of deleted rows in the file. */
  readonly freeInFile: () => number;
  /** Writes the journal back and makes it small. */
  readonly shrinkJournal: () => void;
  readonly randomBytes: (size: number) => Uint8Array;
  readonly operatorLog: Log;
  readonly statfs?: (path: string) => Pick<StatsFs, "bavail" | "blocks" | "bsize">;
}

interface Marks {
  readonly reserve: number;
  readonly refuseStrangers: number;
  readonly alarm: number;
  readonly journal: number;
}

export class DiskRoom implements Room {
  readonly #options: DiskOptions;
  readonly #reserve: ReserveFile;
  readonly #timer: NodeJS.Timeout;
  #state: SpaceState = "ample";
  #isAlarmed = false;
  #releasedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: DiskOptions) {
    this.#options = options;
    this.#reserve = new ReserveFile(`${options.file}.reserve`, options.randomBytes);
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    this.#timer.unref();
    this.look();
  }

  get state(): SpaceState {
    return this.#state;
  }

  get reserveBytes(): number {
    return this.#reserve.bytes;
  }

  admit(onBehalfOf: OnBehalfOf | undefined): void {
    if (this.#state === "ample" || onBehalfOf === undefined) return;
    if (this.#state === "low" && onBehalfOf === "client") return;
    throw storageError("storage_full", { detail: this.#state });
  }

  makeRoom(failure: unknown): boolean {
    if (!FULL.has(storeFailureOf(failure) ?? "")) return false;
    const made = this.#reserve.release();
    this.#releasedAt = performance.now();
    this.#enter("reserve");
    return made;
  }

  /** What is so now. Called every second. */
  look(): void {
    if (this.#closed) return;
    const { onDisk, free, marks } = this.#measure();
    this.#alarm(free, marks);
    const isShort = this.#reserve.bytes < marks.reserve && onDisk >= marks.reserve + marks.journal;
    if (this.#reserve.bytes === 0 || isShort) this.#makeReserve(marks);
    if (this.#reserve.bytes === 0) return;
    const mark = marks.refuseStrangers * (this.#state === "ample" ? 1 : BETTER_BY);
    this.#enter(free < mark ? "low" : "ample");
  }

  #alarm(free: number, { alarm }: Marks): void {
    const isLow = free < alarm * (this.#isAlarmed ? BETTER_BY : 1);
    if (isLow === this.#isAlarmed) return;
    this.#isAlarmed = isLow;
    const space = { freeBytes: free, alarmBelowBytes: alarm };
    const { operatorLog } = this.#options;
    if (isLow) operatorLog.warn({ event: "storage_space_low", ...space });
    else operatorLog.info({ event: "storage_space_ample", ...space });
  }

  /** As much of it as there is space for now, if not all: what pruning will free is inside of the file. */
  #makeReserve({ reserve, journal }: Marks): void {
    if (this.#reserve.isMaking || performance.now() - this.#releasedAt < PAUSE_MS) return;
    if (this.#state === "reserve") this.#options.shrinkJournal();
    const onDisk = this.#measure().onDisk;
    const size = [reserve, reserve / 2, reserve / 4]
      .map(Math.floor)
      .find((bytes) => bytes + journal <= onDisk);
    if (size === undefined) {
      this.#enter("reserve");
      return;
    }
    void this.#reserve.make(size).then((isHeld) => {
      if (isHeld) this.look();
    });
  }

  #enter(state: SpaceState): void {
    const before = this.#state;
    if (state === before) return;
    this.#state = state;
    const { operatorLog } = this.#options;
    if (state === "reserve") operatorLog.error({ event: "storage_reserve_used" });
    if (before === "reserve")
      operatorLog.info({ event: "storage_reserve_restored", bytes: this.#reserve.bytes });
    if (state === "low") operatorLog.error({ event: "storage_refuses_strangers" });
    if (state === "ample") operatorLog.info({ event: "storage_takes_all_again" });
  }

  #measure(): { readonly onDisk: number; readonly free: number; readonly marks: Marks } {
    const {
      file,
      freeInFile,
      statfs = statfsSync,
      reserveBytes,
      refuseStrangersBelow,
      alarmBelow,
    } = this.#options;
    const { bavail, blocks, bsize } = statfs(dirname(file));
    const [onDisk, all] = [bavail * bsize, blocks * bsize];
    const marks = {
      // Whole bytes: a file can have no part of one, and would never be as long as is wanted.
      reserve: Math.floor(Math.min(reserveBytes, all * SHARES.reserve)),
      refuseStrangers: Math.min(refuseStrangersBelow, all * SHARES.refuseStrangers),
      alarm: Math.min(alarmBelow, all * SHARES.alarm),
      journal: Math.min(JOURNAL_BYTES, all * SHARES.journal),
    };
    return { onDisk, free: onDisk + freeInFile(), marks };
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#timer);
  }
}
