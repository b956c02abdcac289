import { fstatSync, write, writeSync } from "node:fs";
import { LogDestination, type WriteText } from "./log-destination.ts";

const STANDARD_ERROR = 2;

/** Returns the one destination of this process's lines. Called once, before anything is written. */
export function openStandardError(): LogDestination {
  // Whoever read it may be gone (EPIPE): that is the loss of lines, and not the end of the process.
  process.stderr.on("error", () => {});
  const isToPipe = isPipe();
  const destination = new LogDestination({ writeText: isToPipe ? writeToPipe : writeToFile });
  process.on("exit", () => writeLast(destination, isToPipe));
  return destination;
}

function isPipe(): boolean {
  const status = fstatSync(STANDARD_ERROR);
  return status.isFIFO() || status.isSocket();
}

/**
 * libuv waits for room in a pipe without a thread. A thread that waits in `write` could not even be ended. What is queued goes out
 * in one write, so that the call before it is none a line.
 */
const writeToPipe: WriteText = (text, done) => {
  neverWait();
  process.stderr.write(text, done);
};

/**
 * Makes writing to the pipe return at once again. All that hold this end of it share that setting, and libuv takes it away
 * whenever a child is started that inherits our standard error: the next line would then stop this process for as long as
 * nobody reads. Node has no public name for it.
 */
function neverWait(): void {
  const { _handle: handle } = process.stderr as { readonly _handle?: PipeHandle | null };
  handle?.setBlocking?.(false);
}

interface PipeHandle {
  setBlocking?(isBlocking: boolean): number;
}

/** Node writes to files and terminals synchronously; this goes through a thread, one at most. */
const writeToFile: WriteText = (text, done) => writeAll(Buffer.from(text), done);

function writeAll(bytes: Buffer, done: (error?: Error | null) => void): void {
  write(STANDARD_ERROR, bytes, (error, written) => {
    if (error !== null || written === bytes.length) done(error);
    else writeAll(bytes.subarray(written), done);
  });
}

/**
 * What was said in the turn that ends the process. With a reader that has stalled, a pipe gives EAGAIN, and the rest is lost. A terminal
 * holds little at a time, and is waited for, as Node itself does: else a long text would break off.
 */
function writeLast(destination: LogDestination, isToPipe: boolean): void {
  if (process.stderr.writableLength > 0) return;
  const text = destination.takeQueued();
  if (text === "") return;
  if (isToPipe) neverWait();
  try {
    writeSync(STANDARD_ERROR, text);
  } catch {
    // Nobody is left to tell.
  }
}
