import { errorsOf } from "@portcullis/protocol";

export const feedError = errorsOf({
  other_incarnation: {
    status: 409,
    text: "The log has started anew since you last read it (another incarnation). Take a new snapshot.",
  },
  lease_of_another_process: {
    status: 409,
    text: "Another process holds a lease under this name: its secret is not the one that came with this call. Wait until that lease has run out, or use another name.",
  },
  ahead_of_head: {
    status: 409,
    text: "You hold more than the log does, so the log was rolled back. Take a new snapshot.",
  },
  too_many_leases: {
    status: 429,
    text: "This client already holds the maximum number of leases. Give back the leases of verifiers that no longer run.",
  },
  verifier_suspended: {
    status: 403,
    text: "An operator has suspended this verifier: it gets no lease, and may allow nothing. See: portcullis verifiers list",
  },
  lease_too_short: {
    status: 400,
    text: "leaseMs is less than the shortest lease that this server gives. Ask for a longer one, or for 0 to give it back.",
  },
  too_many_streams: { status: 429, text: "This client already has the maximum number of streams open." },
});
