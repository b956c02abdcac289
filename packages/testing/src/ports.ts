import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Below the ephemeral range of Linux, so that an outgoing connection does not take a port between probe and use. */
const FIRST = 12_000;
const LAST = 31_000;

/**
 * One file for each port that was given out, with the process that got it: a port is free between its probe and its use, and while its server is
 * down for a restart, and another test file that runs at that time would take it.
 */
const CLAIMS = join(tmpdir(), "portcullis-ports");
const claimed = new Set<number>();
process.once("exit", () => {
  for (const port of claimed) rmSync(claimOf(port), { force: true });
});

/** Returns a port on the loopback address that is free, and stays this process's own until it ends. */
export const freePort = (): Promise<number> => freePortBlock(1);

/** Returns the first of `size` neighbouring ports on the loopback address, which are free and stay this process's own. */
export async function freePortBlock(size: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = FIRST + size * Math.floor((Math.random() * (LAST - FIRST)) / size);
    const ports = Array.from({ length: size }, (_, at) => base + at);
    if (ports.every(claim) && (await Promise.all(ports.map(isFree))).every(Boolean)) return base;
  }
  throw new Error(`no ${size} free neighbouring ports between ${FIRST} and ${LAST}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ port, host: "127.0.0.1", exclusive: true }, () => probe.close(() => resolve(true)));
  });
}

const claimOf = (port: number): string => join(CLAIMS, String(port));

/** Whether the port is this process's own from now on. One that a killed process has left behind stays unused: there are thousands. */
function claim(port: number): boolean {
  mkdirSync(CLAIMS, { recursive: true });
  try {
    writeFileSync(claimOf(port), String(process.pid), { flag: "wx" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
  claimed.add(port);
  return true;
}
