import { createServer } from "node:net";

/** Below the ephemeral range of Linux, so that an outgoing connection does not take a port between probe and use. */
const FIRST = 12_000;
const LAST = 31_000;

/** Returns a free port on the loopback address. */
export const freePort = (): Promise<number> => freePortBlock(1);

/** Returns the first of `size` free neighbouring ports on the loopback address. */
export async function freePortBlock(size: number): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const base = FIRST + size * Math.floor((Math.random() * (LAST - FIRST)) / size);
    const ports = Array.from({ length: size }, (_, at) => base + at);
    const free = await Promise.all(ports.map(isFree));
    if (free.every(Boolean)) return base;
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
