import type pg from "pg";
import { storageError } from "../errors.ts";
import { connectClient, destroy } from "./client.ts";
import type { RawResult } from "./queries.ts";
import { breaksConnection } from "./sql-states.ts";

const BEGIN = "begin";
/**
 * How a statement asks to be parsed and planned once a connection. Not done to all: one that gives `*` would fail once
 * a newer server has added a column.
 */
const PREPARED = /^\s*\/\* prepared: (\w+) \*\//;

/**
 * A connection for one transaction after the other. Statements that only steer the transaction wait for the next one
 * that asks something and go with it: each message more is a way to the server and back. A transaction in which nothing
 * was asked is never sent.
 */
export class Lane {
  readonly #url: string;
  #client: pg.Client | undefined;
  /** One message after the other, also when a unit asks several things at once. */
  #last: Promise<unknown> = Promise.resolve();
  #unsent: string[] = [];
  #hasFailed = false;

  constructor(url: string) {
    this.#url = url;
  }

  async begin(): Promise<void> {
    this.#unsent = [BEGIN];
    this.#hasFailed = false;
    if (this.#client === undefined) await this.#connect();
  }

  later(...control: readonly string[]): void {
    this.#unsent.push(...control);
  }

  run(text: string, parameters: readonly unknown[] = []): Promise<RawResult> {
    const control = this.#unsent.splice(0);
    const result = this.#last.catch(() => undefined).then(() => this.#send(control, text, parameters));
    this.#last = result;
    return result;
  }

  /** At once where a statement has failed: that must end the unit that asked it, and not the one behind. */
  async release(savepoint: string): Promise<void> {
    await this.#last.catch(() => undefined);
    const text = `release savepoint ${savepoint}`;
    if (this.#hasFailed) await this.run(text);
    else this.later(text);
  }

  /** A COMMIT of a transaction that has failed is answered with ROLLBACK, and no error. */
  async commit(): Promise<void> {
    if (this.#isUnsent()) return;
    const { command } = await this.run("commit");
    if (command !== "COMMIT") throw storageError("storage_unavailable", { detail: `answered ${command}` });
  }

  async rollback(): Promise<void> {
    if (this.#isUnsent() || this.#client === undefined) return;
    this.#unsent = [];
    try {
      await this.run("rollback");
    } catch {
      this.#forget();
    }
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #isUnsent(): boolean {
    return this.#unsent[0] === BEGIN;
  }

  async #send(control: readonly string[], text: string, parameters: readonly unknown[]): Promise<RawResult> {
    try {
      // Without parameters the simple protocol is used, which takes several statements.
      if (parameters.length === 0) return await this.#ask([...control, text], parameters);
      if (control.length > 0) await this.#ask(control, []);
      return await this.#ask([text], parameters);
    } catch (error) {
      this.#hasFailed = true;
      throw error;
    }
  }

  async #ask(statements: readonly string[], parameters: readonly unknown[]): Promise<RawResult> {
    try {
      return await this.#askOnce(statements, parameters);
    } catch (error) {
      // A connection that was idle while the server restarted is found dead here: a new one is tried once.
      if (statements[0] !== BEGIN || this.#client !== undefined) throw error;
      await this.#connect();
      return this.#askOnce(statements, parameters);
    }
  }

  async #askOnce(statements: readonly string[], parameters: readonly unknown[]): Promise<RawResult> {
    const client = this.#client;
    if (client === undefined) throw storageError("storage_unavailable", { detail: "connection lost" });
    try {
      const text = statements.join("; ");
      const name = PREPARED.exec(text)?.[1];
      const query = { text, values: [...parameters], ...(name === undefined ? {} : { name }) };
      const result: RawResult | RawResult[] = await client.query(query);
      return Array.isArray(result) ? result.at(-1)! : result;
    } catch (error) {
      if (breaksConnection(error)) this.#forget();
      throw error;
    }
  }

  async #connect(): Promise<void> {
    const client = await connectClient({ url: this.#url, readsOnly: false });
    this.#client = client;
    client.once("end", () => {
      if (this.#client === client) this.#forget();
    });
  }

  #forget(): void {
    const client = this.#client;
    this.#client = undefined;
    if (client !== undefined) destroy(client);
  }
}
