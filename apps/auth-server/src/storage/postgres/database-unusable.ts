/** Why a server cannot start on its database: one line that names where it is, what it said, and what to look at. */
import { PortcullisError } from "@portcullis/protocol";
import pg from "pg";
import { storageError } from "../errors.ts";

interface Place {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** Errors of the way there, and SQLSTATEs (appendix A of PostgreSQL's manual). Each goes on after "PostgreSQL at HOST:PORT". */
const CAUSES: Readonly<Record<string, (place: Place) => string>> = {
  ECONNREFUSED: () => "refuses the connection. Is it running there?",
  ECONNRESET: () => "broke the connection off. Is it really PostgreSQL that listens there?",
  ENOTFOUND: ({ host }) => `has no address: ${host} is not known here.`,
  EAI_AGAIN: ({ host }) => `cannot be looked up: name resolution does not answer for ${host}.`,
  EHOSTUNREACH: () => "cannot be reached from here. Is the network right?",
  ENETUNREACH: () => "cannot be reached from here. Is the network right?",
  ENOENT: () => "does not listen on that socket. Is it running?",
  EACCES: () => "listens on a socket that this user may not open.",
  "28P01": ({ user }) => `does not accept the password of the user ${user}.`,
  "28000": ({ user }) => `does not let the user ${user} in. See its pg_hba.conf.`,
  "3D000": ({ database }) => `has no database ${database}. Create it first.`,
  "57P03": () => "is starting up or shutting down. Start again in a moment.",
  "53300": () => "has no connection left for us. Raise its max_connections, or lower database.poolSize.",
};

/** Returns the error with which the start ends, never with the password; one of ours that says what is wrong stays itself. */
export function databaseUnusable(error: unknown, url: string): Error {
  const isOurs = error instanceof PortcullisError;
  if (isOurs && error.code !== "storage_unavailable") return error;
  const cause = isOurs ? (error.cause ?? error) : error;
  const place = placeOf(url);
  return storageError("database_unusable", {
    text: `PostgreSQL at ${place.host}:${place.port} (database ${place.database}, user ${place.user}) ${reasonOf(cause, place)} See database.url in the configuration.`,
    cause,
  });
}

/** As the driver reads the URL: what is left out comes from elsewhere. */
function placeOf(url: string): Place {
  const { host, port, database = "", user = "" } = new pg.Client({ connectionString: url });
  return { host, port, database, user };
}

function reasonOf(error: unknown, place: Place): string {
  const { code, message, detail } = error as { code?: string; message?: string; detail?: string };
  const known = CAUSES[code ?? ""]?.(place);
  if (known !== undefined) return `${known.replace(/[.?]/, ` (${code})$&`)}`;
  if (/timeout/.test(message ?? "")) return "does not answer. Is a firewall in between?";
  if (/password must be/.test(message ?? "")) return "wants a password, and none is given.";
  return `cannot be used: ${oneLine(detail ?? message ?? String(error))}${code === undefined ? "" : ` (${code})`}.`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, " ").replace(/\.$/, "");
