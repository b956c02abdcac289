import { type CodeOf, errorsOf, isErrorOf, type PortcullisError } from "@portcullis/protocol";

/** Everything that can go wrong between the log and a verdict. Each of them fails towards "no allow". */
export const REVOCATION_ERRORS = {
  malformed_key: { status: 400, text: "The key of a revocation does not fit its scope." },
  malformed_records: { status: 502, text: "The revocation feed sent records that cannot be read." },
  unknown_record: {
    status: 503,
    text: "The revocation log holds a record of a kind that this version does not know. Update this verifier: until then no token can be confirmed.",
  },
  malformed_feed: { status: 502, text: "The revocation feed sent something that cannot be read." },
  feed_unavailable: { status: 503, text: "The revocation feed cannot be reached." },
  feed_unauthorized: { status: 503, text: "The revocation feed refuses this verifier's credentials." },
  verifier_suspended: {
    status: 503,
    text: "An operator has suspended this verifier. It may allow nothing until it is resumed (portcullis verifiers resume).",
  },
  name_in_use: {
    status: 503,
    text: "Another process holds a lease under this verifier's name. Wait until that has run out, or give this process a name of its own.",
  },
  feed_conflict: { status: 503, text: "The revocation log has changed; a new snapshot is needed." },
  capacity_reached: { status: 503, text: "The revocation list is larger than this verifier may hold." },
  replica_not_ready: { status: 503, text: "The revocation list has not been loaded yet." },
  replica_closed: { status: 503, text: "The replica of the revocation list has been closed." },
} as const;

export type RevocationErrorCode = CodeOf<typeof REVOCATION_ERRORS>;
export type RevocationError = PortcullisError<RevocationErrorCode>;

export const revocationError = errorsOf(REVOCATION_ERRORS);
export const isRevocationError = isErrorOf(REVOCATION_ERRORS);
