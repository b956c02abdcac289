import { errorsOf } from "@portcullis/protocol";

/** What stops a process of ours from starting, and what an operator can put right. */
export const serviceError = errorsOf({
  configuration_invalid: { status: 500, text: "The configuration cannot be used." },
  usage_invalid: { status: 500, text: "The program does not understand these arguments." },
  port_taken: { status: 500, text: "A port that the process should listen on is already in use." },
  cannot_listen: { status: 500, text: "The process cannot listen on the address that is configured." },
});
