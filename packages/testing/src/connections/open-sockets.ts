import { readdirSync, readlinkSync } from "node:fs";

/** How many sockets a process of this machine has open, listening ones included. Linux only. */
export function openSockets(pid: number): number {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).filter((name) => isSocket(`${folder}/${name}`)).length;
}

function isSocket(link: string): boolean {
  try {
    return readlinkSync(link).startsWith("socket:");
  } catch {
    return false; // closed in between
  }
}
