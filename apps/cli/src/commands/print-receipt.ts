import type { Receipt } from "@portcullis/protocol";
import { receiptText, recipientsText } from "../print/receipt.ts";
import type { Session } from "../session.ts";

/** One line: what was done, and how far it has got. */
export function printReceipt({ io, paint }: Session, answer: Receipt, done: string): void {
  const colour = answer.state === "pending" ? "yellow" : "green";
  io.stdout.write(`${done} (seq ${answer.seq}). ${paint(colour, receiptText(answer, io.now()))}\n`);
  const told = recipientsText(answer);
  if (told !== undefined) io.stdout.write(`${told}\n`);
}

export function printHowItGoesOn({ io }: Session, { state, seq }: Receipt): void {
  if (state !== "pending") return;
  io.stdout.write(`See when all have confirmed: portcullis revocations show ${seq} --wait 30\n`);
}
