import { type CodeOf, errorsOf, isErrorOf } from "@portcullis/protocol";

const OUTGOING_ERRORS = {
  target_refused: {
    status: 502,
    text: "This server may not send requests there. If it should, name the target in outgoing.privateTargets.",
  },
  target_unreachable: { status: 502, text: "The target cannot be reached." },
  target_timed_out: { status: 504, text: "The target did not answer in time." },
  answer_too_large: { status: 502, text: "The target's answer is too large." },
} as const;

export type OutgoingErrorCode = CodeOf<typeof OUTGOING_ERRORS>;

export const outgoingError = errorsOf(OUTGOING_ERRORS);
export const isOutgoingError = isErrorOf(OUTGOING_ERRORS);
