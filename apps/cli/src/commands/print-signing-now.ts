import type { SigningNow } from "@portcullis/protocol";
import { dateTime } from "../print/times.ts";
import type { Session } from "../session.ts";

/** Which key signs, and loudly if verifiers of others may not know it yet. */
export function printSigningNow(
  { io, paint }: Session,
  { kid, algorithm = "ES256", publishedSince, warning }: SigningNow,
): void {
  io.stdout.write(
    `${kid} signs ${algorithm} tokens from now on. Published since ${dateTime(publishedSince)}.\n`,
  );
  if (warning !== undefined) io.stdout.write(`${paint("yellow", "Warning:")} ${warning.text}\n`);
}
