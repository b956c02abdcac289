/** Whom a command is about. */
import type { Command } from "commander";
import { usage } from "../settings.ts";

export const USER = ["<user>", "a sub, a username or a verified e-mail address"] as const;

export function argumentOf(command: Command): string {
  const [user] = command.processedArgs as [string];
  if (user === "") throw usage(`${USER[0]}: found nothing; give ${USER[1]}.`);
  return user;
}
