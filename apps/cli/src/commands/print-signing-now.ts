import type { KeyWarning, SettingWarning, SigningNow } from "@portcullis/protocol";
import { dateTime } from "../print/times.ts";
import type { Session } from "../session.ts";

/** Loudly: it was done all the same, and somebody may be in for a surprise. */
export function printWarning({ io, paint }: Session, warning: KeyWarning | SettingWarning | undefined): void {
  if (warning !== undefined) io.stdout.write(`${paint("yellow", "Warning:")} ${warning.text}\n`);
}

/** Which key signs, and whether verifiers of others may not know it yet. */
export function printSigningNow(
  session: Session,
  { kid, algorithm = "ES256", publishedSince, warning }: SigningNow,
): void {
  session.io.stdout.write(
    `${kid} signs ${algorithm} tokens from now on. Published since ${dateTime(publishedSince)}.\n`,
  );
  printWarning(session, warning);
}
