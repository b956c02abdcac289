import type { Socket } from "node:net";
import { parsePreface } from "./proxy-protocol.ts";

/** From the connection's first moment to the preface's last byte. Proxies send it at once. */
const PREFACE_LIMIT_MS = 5_000;

interface PrefaceOptions {
  readonly limitMs?: number;
  /** The connection, at the first byte behind the preface. Without a source the proxy speaks for itself. */
  readonly onEnd: (source: string | undefined) => void;
}

/** A preface that is wrong, too long or too slow ends the connection without a word: there is no HTTP yet to answer in. */
export function readPreface(socket: Socket, { onEnd, limitMs = PREFACE_LIMIT_MS }: PrefaceOptions): void {
  let bytes: Buffer = Buffer.alloc(0);
  const cut = (): void => void socket.destroy();
  const timer = setTimeout(cut, limitMs);
  const stop = (): void => {
    clearTimeout(timer);
    socket.off("readable", read);
    socket.off("error", cut);
    socket.off("end", cut);
    socket.off("close", stop);
  };
  function read(): void {
    // All that has come, in one piece.
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    bytes = Buffer.concat([bytes, chunk]);
    const preface = parsePreface(bytes);
    if (preface.state === "malformed") cut();
    if (preface.state !== "complete") return;
    stop();
    socket.unshift(bytes.subarray(preface.length));
    onEnd(preface.source);
  }
  socket.on("readable", read);
  socket.on("error", cut);
  socket.on("end", cut);
  socket.on("close", stop);
}
