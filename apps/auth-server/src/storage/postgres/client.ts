/** One connection: its settings, how values are read, and one query after the other. */
import pg from "pg";
import { storageError } from "../errors.ts";

export interface ClientOptions {
  readonly url: string;
  /** For connections that only read. */
  readonly readsOnly: boolean;
  /** For an answer that never comes, when packets are dropped: then the connection is given up. */
  readonly answerLimitMs?: number;
}

const CONNECT_LIMIT_MS = 3000;
/** Of one statement. Shorter than a unit's time limit: an undone unit must not wait behind its own statement. */
const STATEMENT_LIMIT_MS = 4000;
const ANSWER_LIMIT_MS = 6000;
/** A transaction of a server that hangs must not hold its locks for ever. */
const IDLE_TRANSACTION_LIMIT_MS = 10_000;

export function clientConfig({
  url,
  readsOnly,
  answerLimitMs = ANSWER_LIMIT_MS,
}: ClientOptions): pg.ClientConfig {
  return {
    connectionString: url,
    application_name: `portcullis ${readsOnly ? "reader" : "writer"}`,
    connectionTimeoutMillis: CONNECT_LIMIT_MS,
    query_timeout: answerLimitMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 5000,
    types: { getTypeParser: typeParser as typeof pg.types.getTypeParser },
  };
}

/**
 * Run on every new connection, so that neither the URL nor the server's own settings can change it. With
 * `synchronous_commit` off, a crash would undo revocations that were answered with 2xx. A standby answers reads with a
 * past that nobody may be called fresh by.
 */
export async function settle(client: pg.ClientBase, { readsOnly }: ClientOptions): Promise<void> {
  await client.query(`
    set synchronous_commit = on;
    set statement_timeout = ${STATEMENT_LIMIT_MS};
    set lock_timeout = ${STATEMENT_LIMIT_MS};
    set idle_in_transaction_session_timeout = ${IDLE_TRANSACTION_LIMIT_MS};
    set default_transaction_isolation = 'read committed';
    set default_transaction_read_only = ${readsOnly ? "on" : "off"};
    set bytea_output = 'hex'`);
  const { rows } = await client.query("select pg_is_in_recovery() as standby");
  if (rows[0].standby) throw storageError("storage_unavailable", { detail: "the server is a standby" });
}

export async function connectClient(options: ClientOptions): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(options));
  // Without a listener, a connection that ends while nobody asks anything would end the process.
  client.on("error", () => undefined);
  try {
    await client.connect();
    await settle(client, options);
    return client;
  } catch (error) {
    destroy(client);
    throw error;
  }
}

/** Without a goodbye: the other side may not answer any more. */
export function destroy(client: pg.Client): void {
  client.end().catch(() => undefined);
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

function typeParser(type: number, format?: "text" | "binary"): unknown {
  return type === pg.types.builtins.INT8 && format !== "binary"
    ? safeInteger
    : pg.types.getTypeParser(type, format as "text");
}

/** A number that JavaScript cannot hold must not become another one. */
function safeInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw storageError("number_too_large", { detail: text });
  return value;
}
