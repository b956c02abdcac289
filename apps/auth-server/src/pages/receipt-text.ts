import type { Receipt } from "@portcullis/protocol";

/** What a user needs to know of a receipt: nothing when all is over, or until when something may still get through. */
export function delayText({ state, enforcedBy }: Receipt): string | undefined {
  if (state === "enforced") return undefined;
  const until =
    enforcedBy === undefined ? "for a short while" : `until ${clockTime(enforcedBy)} at the latest`;
  return `A service that cannot be reached right now may still accept the old access, ${until}.`;
}

/** The server does not know the user's time zone: it says which one it means. */
const clockTime = (iso: string): string => `${new Date(iso).toISOString().slice(11, 19)} UTC`;
