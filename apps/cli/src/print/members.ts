import { visible } from "./table.ts";

/** A thing as lines of names and values, the names as wide as the longest. What is undefined or empty is left out. */
export function membersText(members: Readonly<Record<string, string | undefined>>): string {
  const shown = Object.entries(members).filter(([, value]) => value !== undefined && value !== "");
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${visible(value!)}\n`).join("");
}
