import { errorsOf } from "@portcullis/protocol";
import { storageError } from "../storage/errors.ts";
import { logError } from "../storage/log/errors.ts";

export const revocationsError = errorsOf({
  revocation_not_found: { status: 404, text: "There is no such revocation." },
  verifier_not_found: {
    status: 404,
    text: "No verifier of this client and name holds a lease, and none is suspended. See: portcullis verifiers list",
  },
  log_full: { status: 503, text: "The revocation log is full (maxLiveRevocations). Nothing was changed." },
});

/** What any call is refused with that reads or writes: nothing was changed then, and it may be tried again. */
export const OUTAGES = [
  ...storageError.definitions(
    "storage_unavailable",
    "storage_full",
    "storage_closed",
    "contended",
    "unit_timed_out",
  ),
  ...logError.definitions("temporarily_unavailable", "log_rolled_back"),
];
