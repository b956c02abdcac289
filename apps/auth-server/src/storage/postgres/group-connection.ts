import type pg from "pg";
import { storageError } from "../errors.ts";
import type { GroupConnection } from "../group-connection.ts";
import { connectClient, destroy } from "./client.ts";
import { queriesThrough, type RawResult } from "./queries.ts";
import { breaksConnection, isRace, isStoreFailure, unavailable } from "./sql-states.ts";

/** Of units behind others in their group: what those hold may be what the others wait for. */
const LOCK_LIMIT_MS = 50;
/**
 * Of the first unit. Shorter than the time in which PostgreSQL finds a deadlock: the unit gives way, and tries again when
 * the others are through.
 */
const FIRST_LOCK_LIMIT_MS = 200;
/** Of the log's counter: whoever holds it waits for nothing but the disk. */
const COUNTER_LIMIT_MS = 3000;

/** One lane. READ COMMITTED: each statement sees what was committed before it, also after it waited for a lock. */
export function postgresGroupConnection(url: string): GroupConnection {
  const lane = new Lane(url);
  return {
    begin: () => lane.begin(),
    beginUnit: ({ isFirst }) =>
      lane.run(`savepoint unit; ${lockLimit(isFirst ? FIRST_LOCK_LIMIT_MS : LOCK_LIMIT_MS)}`).then(nothing),
    endUnit: () => lane.run("release savepoint unit").then(nothing),
    undoUnit: () => lane.run("rollback to savepoint unit; release savepoint unit").then(nothing),
    beginEnd: () => lane.run(lockLimit(COUNTER_LIMIT_MS)).then(nothing),
    commit: () => lane.commit(),
    rollback: () => lane.rollback(),
    queries: (assertAllowed) =>
      queriesThrough((text, parameters) => {
        assertAllowed();
        return lane.run(text, parameters);
      }),
    lockRows: (query, of) => (of === undefined ? query.forUpdate() : query.forUpdate(of as never)),
    isRace,
    asUnitError: (error) => (isOfServer(error) && isStoreFailure(error) ? unavailable(error) : error),
    close: () => lane.close(),
  };
}

const lockLimit = (limitMs: number): string => `set local lock_timeout = ${limitMs}`;

const nothing = (): void => undefined;

/** The unit's own errors have no SQLSTATE and no system call. */
const isOfServer = (error: unknown): boolean =>
  typeof (error as { severity?: unknown }).severity === "string" ||
  typeof (error as { syscall?: unknown }).syscall === "string";

class Lane {
  readonly #url: string;
  #client: pg.Client | undefined;
  /** One statement after the other, also when a unit asks several at once. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(url: string) {
    this.#url = url;
  }

  /** A connection that was idle while the server restarted is found dead here: a new one is tried once. */
  async begin(): Promise<void> {
    if (this.#client !== undefined) {
      try {
        await this.run("begin");
        return;
      } catch {
        this.#forget();
      }
    }
    this.#client = await connectClient({ url: this.#url, readsOnly: false });
    this.#client.once("end", () => this.#forget());
    await this.run("begin");
  }

  run(text: string, parameters?: readonly unknown[]): Promise<RawResult> {
    const result = this.#last.catch(() => undefined).then(() => this.#runNow(text, parameters));
    this.#last = result;
    return result;
  }

  async #runNow(text: string, parameters?: readonly unknown[]): Promise<RawResult> {
    const client = this.#client;
    if (client === undefined) throw storageError("storage_unavailable", { detail: "connection lost" });
    try {
      // Without parameters the simple protocol is used, which takes several statements.
      return await client.query(text, parameters as unknown[]);
    } catch (error) {
      if (breaksConnection(error)) this.#forget();
      throw error;
    }
  }

  /** A COMMIT of a transaction that has failed is answered with ROLLBACK, and no error. */
  async commit(): Promise<void> {
    const { command } = await this.run("commit");
    if (command !== "COMMIT") throw storageError("storage_unavailable", { detail: `answered ${command}` });
  }

  async rollback(): Promise<void> {
    if (this.#client === undefined) return;
    try {
      await this.run("rollback");
    } catch {
      this.#forget();
    }
  }

  #forget(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) destroy(client);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }
}
