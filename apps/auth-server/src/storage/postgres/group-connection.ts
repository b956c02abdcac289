import type { GroupConnection } from "../unit/group-connection.ts";
import { Lane } from "./lane.ts";
import { queriesThrough } from "./queries.ts";
import { isRace, isStoreFailure, unavailable } from "./sql-states.ts";

/** Of units behind others in their group: what those hold may be what the others wait for. */
const LOCK_LIMIT_MS = 50;
/**
 * Of the first unit. Shorter than the time in which PostgreSQL finds a deadlock: the unit gives way, and tries again when
 * the others are through.
 */
const FIRST_LOCK_LIMIT_MS = 200;
/** Of the log's counter: whoever holds it waits for nothing but the disk. */
const COUNTER_LIMIT_MS = 3000;

/** Units of one group that ran statements, at most: others, at other servers too, wait for what they have locked. */
const MAX_TOUCHING_UNITS = 32;

/**
 * Two units that hold what the other waits for, and give way after the same time, meet again in the same way, the more often
 * the busier the machine is. So the limits differ by chance: one gives way, and the other gets through. They stay short,
 * since all waits of a unit together must end before its time limit does.
 */
export const firstLockLimitMs = (random = Math.random): number =>
  Math.round(FIRST_LOCK_LIMIT_MS * (0.25 + 1.5 * random()));

/** One lane. READ COMMITTED: each statement sees what was committed before it, also after it waited for a lock. */
export function postgresGroupConnection(url: string): GroupConnection {
  const lane = new Lane(url);
  let touchingUnits = 0;
  let unit: "outside" | "untouched" | "saved" = "outside";
  const touch = (): void => {
    if (unit !== "untouched") return;
    // Nothing is locked yet before the first: its waiting can make nobody wait in a circle.
    lane.later("savepoint unit", lockLimit(touchingUnits === 0 ? firstLockLimitMs() : LOCK_LIMIT_MS));
    touchingUnits++;
    unit = "saved";
  };
  return {
    async begin() {
      touchingUnits = 0;
      unit = "outside";
      await lane.begin();
    },
    beginUnit() {
      unit = "untouched";
    },
    async endUnit() {
      if (unit === "saved") await lane.release("unit");
      unit = "outside";
    },
    async undoUnit() {
      if (unit === "saved") await lane.run("rollback to savepoint unit; release savepoint unit");
      unit = "outside";
    },
    isFull: () => touchingUnits >= MAX_TOUCHING_UNITS,
    beginEnd: () => lane.later(lockLimit(COUNTER_LIMIT_MS)),
    commit: () => lane.commit(),
    rollback: () => lane.rollback(),
    queries: (assertAllowed) =>
      queriesThrough((text, parameters) => {
        assertAllowed();
        touch();
        return lane.run(text, parameters);
      }),
    lockRows: (query, of) => (of === undefined ? query.forUpdate() : query.forUpdate(of as never)),
    holdsProcess: false,
    isRace,
    asUnitError: (error) => (isOfServer(error) && isStoreFailure(error) ? unavailable(error) : error),
    close: () => lane.close(),
  };
}

const lockLimit = (limitMs: number): string => `set local lock_timeout = ${limitMs}`;

/** The unit's own errors have no SQLSTATE and no system call. */
const isOfServer = (error: unknown): boolean =>
  typeof (error as { severity?: unknown }).severity === "string" ||
  typeof (error as { syscall?: unknown }).syscall === "string";
