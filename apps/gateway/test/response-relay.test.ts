import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { test } from "node:test";
import type { Exchange } from "../src/exchange.ts";
import { Buffers } from "../src/upstreams/buffers.ts";
import { ResponseRelay } from "../src/upstreams/response-relay.ts";

/** A client that reads nothing until it is told to. */
class UnreadResponse extends EventEmitter {
  headersSent = false;
  writableLength = 0;
  writableFinished = false;

  writeHead(): void {
    this.headersSent = true;
  }

  write(chunk: Buffer): boolean {
    this.writableLength += chunk.length;
    return false;
  }

  end(): void {}

  read(): void {
    this.writableLength = 0;
    this.emit("drain");
  }
}

function start(settings: { bufferResponseBytes: number; bufferedBytes: number }) {
  const response = new UnreadResponse();
  const buffers = new Buffers({ bufferedBytes: settings.bufferedBytes, clientShare: 1 });
  const calls: string[] = [];
  const exchange = { response, clientKey: "client", isOver: false } as unknown as Exchange;
  const options = {
    beforeSending: () => undefined,
    beforeHead: () => undefined,
    headFields: () => [],
    answer: () => {},
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
  return { relay, response, buffers, calls, send };
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
  const { response, buffers, calls, send } = start({ bufferResponseBytes: 1000, bufferedBytes: 10_000 });
  send(800);
  send(800);
  assert.deepEqual([calls, buffers.bytes], [["pause"], 800]);
  response.read();
  assert.deepEqual([calls, buffers.bytes], [["pause", "resume"], 0]);
});

test("without memory for it the service waits, and nothing is kept", () => {
  const { response, buffers, calls, send } = start({ bufferResponseBytes: 1000, bufferedBytes: 100 });
  send(400);
  assert.deepEqual([calls, buffers.bytes], [["pause"], 0]);
  response.read();
  assert.deepEqual(calls, ["pause", "resume"]);
});
