import type { Session } from "../session.ts";
import { usage } from "../settings.ts";

/**
 * Whether the person means it, for an act that reaches further than one device or user. Where nobody can be asked, in a
 * script, it is a usage error and not a yes: `--yes` says it beforehand.
 */
export async function isMeant(
  { io }: Session,
  reach: string,
  undone = "Nothing was changed.",
): Promise<boolean> {
  if (io.ask === undefined)
    throw usage(`This ends ${reach}. There is no terminal to ask at: if you mean it, add --yes.`);
  const answer = await io.ask(`This ends ${reach}, and cannot be undone. Type yes to go on: `);
  if (answer.trim().toLowerCase() === "yes") return true;
  io.stderr.write(`${undone}\n`);
  return false;
}
