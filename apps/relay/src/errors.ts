import { errorsOf } from "@portcullis/protocol";

/** What the relay refuses on its own account, and what stops it from starting. */
export const relayError = errorsOf({
  relay_not_fresh: { status: 503, text: "The relay's own lease has run out, or has not been granted yet." },
  relay_behind: {
    status: 503,
    text: "You hold more of the log than this relay does. It is asking for the rest.",
  },
  relay_stopping: { status: 503, text: "The relay is shutting down and grants no more leases." },
  chain_missing: {
    status: 502,
    text: "The feed that this relay follows sent records without their chain value.",
  },
  head_unsigned: {
    status: 502,
    text: "The feed that this relay follows sent a head without the issuer's signature.",
  },
});
