import assert from "node:assert/strict";
import { test } from "node:test";
import { AnswerWriter } from "../src/answer-writer.ts";
import { Exchange, type Sink } from "../src/exchange.ts";
import { Buffers } from "../src/upstreams/buffers.ts";
import { ResponseRelay } from "../src/upstreams/response-relay.ts";
import { MemoryBody } from "./support/memory-entry.ts";

/** A client that reads nothing until it is told to. */
class UnreadSink implements Sink {
  isFinished = false;
  untakenBytes = 0;
  #listeners: (() => void)[] = [];

  readonly heads: number[] = [];
  /** The next head cannot be written. */
  failsNext = false;

  begin(status: number): void {
    if (this.failsNext) {
      this.failsNext = false;
      throw new TypeError("Invalid character in header content");
    }
    this.heads.push(status);
  }

  flushHead(): void {}

  write(part: Uint8Array): boolean {
    this.untakenBytes += part.length;
    return false;
  }

  onceTaken(listener: () => void): void {
    this.#listeners.push(listener);
  }

  end(): void {}
  cutOff(): void {}

  read(): void {
    this.untakenBytes = 0;
    for (const listener of this.#listeners.splice(0)) listener();
  }
}

function start(settings: { bufferResponseBytes: number; bufferedBytes: number }) {
  const sink = new UnreadSink();
  const buffers = new Buffers({ bufferedBytes: settings.bufferedBytes, clientShare: 1 });
  const calls: string[] = [];
  const peer = { address: "192.0.2.1", group: "192.0.2.1" };
  const exchange = new Exchange({
    method: "GET",
    target: "/",
    fields: [],
    isHttp10: false,
    peer,
    body: new MemoryBody(),
    sink,
  });
  const options = {
    beforeSending: () => undefined,
    beforeHead: () => undefined,
    responseFields: () => [],
    answers: new AnswerWriter({ corsFields: () => [], isDraining: () => false }),
    buffers,
    bufferResponseBytes: settings.bufferResponseBytes,
  };
  const call = { stands: () => true, onAnswer: () => {}, onEnd: () => calls.push("end") };
  const relay = new ResponseRelay(exchange, options, call);
  const controller = {
    pause: () => calls.push("pause"),
    resume: () => calls.push("resume"),
    abort: () => calls.push("abort"),
  };
  relay.onRequestStart(controller as never);
  relay.onResponseStart(controller as never, 200, {});
  const send = (bytes: number) => relay.onResponseData(controller as never, Buffer.alloc(bytes));
  return { relay, sink, buffers, calls, send };
}

test("a short rest of an answer is taken from the service though its client reads nothing", () => {
  const { relay, buffers, calls, send } = start({ bufferResponseBytes: 1000, bufferedBytes: 10_000 });
  send(400);
  send(400);
  relay.onResponseEnd();
  assert.deepEqual(calls, ["end"]);
  assert.equal(buffers.bytes, 800);
  relay.release();
  assert.equal(buffers.bytes, 0);
});

test("a long one waits at the service until its client has read, and then goes on", () => {
  const { sink, buffers, calls, send } = start({ bufferResponseBytes: 1000, bufferedBytes: 10_000 });
  send(800);
  send(800);
  assert.deepEqual([calls, buffers.bytes], [["pause"], 800]);
  sink.read();
  assert.deepEqual([calls, buffers.bytes], [["pause", "resume"], 0]);
});

test("without memory for it the service waits, and nothing is kept", () => {
  const { sink, buffers, calls, send } = start({ bufferResponseBytes: 1000, bufferedBytes: 100 });
  send(400);
  assert.deepEqual([calls, buffers.bytes], [["pause"], 0]);
  sink.read();
  assert.deepEqual(calls, ["pause", "resume"]);
});

test("a head that cannot be written is 502, and ends nothing else", async () => {
  for (const comes of ["alone", "with a body"]) {
    const { relay, sink, calls, send } = start({ bufferResponseBytes: 1000, bufferedBytes: 1000 });
    sink.failsNext = true;
    if (comes === "alone") await new Promise((resolve) => setImmediate(resolve));
    else {
      // As undici does with what its handler throws.
      assert.throws(() => send(1), TypeError);
      relay.onResponseError(undefined as never, new TypeError("Invalid character in header content"));
    }
    assert.deepEqual(sink.heads, [502], comes);
    assert.deepEqual(calls, [comes === "alone" ? "abort" : "end"]);
  }
});
