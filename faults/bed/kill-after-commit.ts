/**
 * Loaded in front of an authorization server with `node --import`, and only by the run of faults: nothing of it is in
 * the server. After SIGUSR2 the process kills itself with SIGKILL in the moment in which PostgreSQL has confirmed the
 * commit of a revocation, and before the server has learned of it.
 */
import pg from "pg";

let isArmed = false;
process.on("SIGUSR2", () => {
  isArmed = true;
});

const APPENDS = /insert\s+into\s+"?revocations"?[\s(]/i;
const COMMITS = /^\s*commit\b/i;

type Query = (this: pg.Client, ...parameters: unknown[]) => unknown;
const client = pg.Client.prototype as unknown as { query: Query };
const { query } = client;
/** Connections whose open transaction has appended to the log. */
const appending = new WeakSet<pg.Client>();

client.query = function (this: pg.Client, ...parameters: unknown[]) {
  const text = textOf(parameters[0]);
  if (APPENDS.test(text)) appending.add(this);
  const isCommit = COMMITS.test(text) && appending.delete(this);
  const outcome = query.apply(this, parameters);
  if (isArmed && isCommit && outcome instanceof Promise) return outcome.then(() => die());
  return outcome;
};

function textOf(first: unknown): string {
  if (typeof first === "string") return first;
  const text = (first as { text?: unknown } | null)?.text;
  return typeof text === "string" ? text : "";
}

/** Nothing runs after it: no exit handler, no answer to the caller, no word to the other servers. */
function die(): never {
  process.kill(process.pid, "SIGKILL");
  throw new Error("killed");
}
