import { errorsOf } from "@portcullis/protocol";

export const storageError = errorsOf({
  /** The outcome must be taken as "not done": nothing was published, and no receipt may be given. */
  storage_unavailable: {
    status: 503,
    text: "The server cannot store changes right now. Nothing was changed. Try again shortly.",
  },
  /** Told before anything was tried: what is left is kept for revoking, signing out and pruning. */
  storage_full: {
    status: 503,
    text: "The server's disk is full. Nothing was changed. Signing out and revoking still work. Try again later.",
  },
  storage_closed: {
    status: 503,
    text: "The server is shutting down. Nothing was changed; try again shortly.",
  },
  /** At start alone. */
  database_unusable: { status: 500, text: "The database cannot be used." },
  data_in_use: { status: 500, text: "Another server is running on this data directory." },
  data_unusable: { status: 500, text: "The data directory cannot be used." },
  migration_failed: {
    status: 500,
    text: "The database could not be upgraded to the schema of this version.",
  },
  contended: {
    status: 503,
    text: "Too many changes to the same thing at once. Nothing was changed; try again shortly.",
  },
  seq_too_early: {
    status: 500,
    text: "The position in the log is known only once the write has finished.",
  },
  number_too_large: { status: 500, text: "The database holds a number that is too large for this server." },
  nested_write: { status: 500, text: "A write may not wait for another write inside it." },
  transaction_over: { status: 500, text: "This write has already finished." },
  unit_timed_out: {
    status: 503,
    text: "The change took too long to store and was undone; try again shortly.",
  },
  statement_refused: { status: 500, text: "This statement is not allowed on this connection." },
});
