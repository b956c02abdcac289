import { once } from "node:events";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import type { RawRequest } from "./request-kinds.ts";

/** How a client leaves: with a reset, by closing and reading nothing more, or by ending its half and reading on. */
const LEAVINGS = ["reset", "close", "half-close"] as const;
export type Leaving = (typeof LEAVINGS)[number];

/** What one connection sends, write by write, and how it ends. */
export interface Conversation {
  readonly writes: readonly Buffer[];
  readonly leaving: Leaving;
  /** Whether it leaves at the first byte of an answer, and not as soon as its bytes are out. */
  readonly isAnsweredFirst: boolean;
}

/** Every request cut at every byte. Half a close waits for the server's half: at every eighth byte is enough. */
export function* everyCut(requests: readonly RawRequest[]): Generator<Conversation> {
  for (const { bytes, cutsFrom } of requests) {
    for (let at = cutsFrom; at <= bytes.length; at++) {
      const writes = [bytes.subarray(0, at)];
      yield { writes, leaving: "reset", isAnsweredFirst: false };
      yield { writes, leaving: "close", isAnsweredFirst: false };
      if (at % 8 === 0) yield { writes, leaving: "half-close", isAnsweredFirst: false };
    }
    yield* wholeAndAnswered(bytes);
  }
}

/** Races between an answer and a reset have more than one outcome: each is tried a dozen times. */
function* wholeAndAnswered(bytes: Buffer): Generator<Conversation> {
  for (let attempt = 0; attempt < 12; attempt++) {
    yield { writes: [bytes], leaving: "reset", isAnsweredFirst: attempt % 2 === 0 };
  }
  yield { writes: [bytes], leaving: "half-close", isAnsweredFirst: true };
}

/** Anything: pieces of requests in any order, cut and changed anywhere, in any number of writes. */
export function anyConversation(requests: readonly RawRequest[]): fc.Arbitrary<Conversation> {
  const piece = fc
    .record({
      bytes: fc.constantFrom(...requests.map(({ bytes }) => bytes)),
      percent: fc.noBias(fc.integer({ min: 0, max: 120 })),
      changed: fc.option(fc.record({ at: fc.nat(200), byte: fc.nat(255) }), { freq: 4 }),
    })
    .map(({ bytes, percent, changed }) => {
      const cut = Buffer.from(bytes.subarray(0, Math.round((bytes.length * percent) / 100)));
      if (changed !== null && changed.at < cut.length) cut[changed.at] = changed.byte;
      return cut;
    });
  return fc.record({
    writes: fc.array(piece, { minLength: 1, maxLength: 4 }),
    leaving: fc.constantFrom(...LEAVINGS),
    isAnsweredFirst: fc.boolean(),
  });
}

/** Many at a time: what a server does with one must not depend on another having been dealt with. */
const AT_A_TIME = 24;
/** Longer than any server of ours waits for the rest of a request. */
const MAX_WAIT_MS = 45_000;
/** A request that is not whole gets no answer: whoever waits for one leaves after this. */
const ANSWER_WAIT_MS = 100;

/** Holds all these conversations at the listener. Rejects when it cannot be reached, or leaves a half-closed one open. */
export async function breakOffAt(url: string, conversations: Iterable<Conversation>): Promise<number> {
  const left = conversations[Symbol.iterator]();
  let held = 0;
  const worker = async (): Promise<void> => {
    for (let next = left.next(); !next.done; next = left.next()) {
      await hold(url, next.value);
      held++;
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  return held;
}

async function hold(url: string, { writes, leaving, isAnsweredFirst }: Conversation): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true, allowHalfOpen: true });
  await once(socket, "connect");
  // From here on the server may do what it likes: a reset of its own is an answer.
  socket.on("error", () => {});
  const closed = new Promise<unknown>((resolve) => socket.once("close", resolve));
  for (const bytes of writes) await written(socket, bytes);
  if (isAnsweredFirst) await answered(socket);
  socket.resume();
  leave(socket, leaving);
  const timer = setTimeout(
    () => socket.destroy(new Error(`${url} kept a half-closed connection for ${MAX_WAIT_MS} ms`)),
    MAX_WAIT_MS,
  );
  await closed.finally(() => clearTimeout(timer));
  if (socket.errored?.message.includes("kept a half-closed")) throw socket.errored;
}

const written = (socket: Socket, bytes: Buffer): Promise<void> =>
  new Promise((resolve) => {
    if (bytes.length === 0 || !socket.writable) resolve();
    else socket.write(bytes, () => resolve());
  });

function answered(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ANSWER_WAIT_MS);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    socket.once("data", done).once("end", done).once("close", done);
  });
}

function leave(socket: Socket, leaving: Leaving): void {
  if (leaving === "reset") socket.resetAndDestroy();
  else if (leaving === "close") socket.destroy();
  else socket.end();
  // Half a close waits for the other half, and a server's end has come already when it answered with one.
  socket.once("end", () => socket.destroy());
  if (socket.readableEnded) socket.destroy();
}
