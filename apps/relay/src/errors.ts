import { errorsOf } from "@portcullis/protocol";

/** What the relay refuses on its own account, and what stops it from starting. */
export const relayError = errorsOf({
  relay_not_fresh: { status: 503, text: "The relay's own right has run out, or was not given yet." },
  relay_behind: {
    status: 503,
    text: "You have seen more of the log than this relay; it is asking for the rest.",
  },
  relay_stopping: { status: 503, text: "The relay is stopping and gives no more leases." },
  chain_missing: { status: 502, text: "The feed above sent records without the value of the chain." },
  head_unsigned: { status: 502, text: "The feed above sent a head without the issuer's signature." },
});
