import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fieldOf } from "../src/headers/field-kind.ts";
import type { CallHandler, ResponseHead } from "../src/upstream/call.ts";
import { ResponseReader } from "../src/upstream/response-reader.ts";

/** What a reader made of these pieces. */
class Heard implements CallHandler {
  head: ResponseHead | undefined;
  heads = 0;
  body = "";
  readonly reader: ResponseReader;

  constructor(method = "GET") {
    this.reader = new ResponseReader(method, this, fieldOf);
  }

  read(...pieces: readonly string[]): this {
    for (const piece of pieces) {
      const bytes = Buffer.from(piece, "latin1");
      this.reader.read(bytes);
      // The memory of a chunk is used again as soon as it was read.
      bytes.fill("#");
    }
    return this;
  }

  onHead(head: ResponseHead): void {
    this.head = head;
    this.heads++;
  }
  onBody(chunk: Buffer): boolean {
    this.body += chunk.toString("latin1");
    return true;
  }
  onEnd(): void {}
  onIdle(): void {}
  onError(): void {}
}

const OK = "HTTP/1.1 200 OK\r\n";
const ANSWERS: readonly (readonly [what: string, bytes: string, body: string])[] = [
  ["a length", `${OK}Content-Length: 5\r\nX: y\r\n\r\nhello`, "hello"],
  ["no body", `${OK}content-length: 0\r\n\r\n`, ""],
  ["chunks", `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n`, "hello world"],
  [
    "extensions and trailers",
    `${OK}Transfer-Encoding: Chunked\r\n\r\nA;x="y"\r\n0123456789\r\n00\r\nT: u\r\nV: w\r\n\r\n`,
    "0123456789",
  ],
  [
    "informational answers first",
    `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n${OK}Content-Length: 2\r\n\r\nok`,
    "ok",
  ],
  ["304 with a length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n", ""],
  ["no reason phrase", "HTTP/1.1 204 \r\n\r\n", ""],
  ["no fields", "HTTP/1.1 204 No Content\r\n\r\n", ""],
];

for (const [what, bytes, body] of ANSWERS) {
  test(`an answer is the same however it is cut into pieces: ${what}`, () => {
    const cuts = fc.uniqueArray(fc.nat({ max: bytes.length }), { maxLength: 12 });
    fc.assert(
      fc.property(cuts, (at) => {
        const ends = [...at.toSorted((left, right) => left - right), bytes.length];
        const heard = new Heard().read(...ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end)));
        assert.equal(heard.body, body);
        assert.equal(heard.heads, 1);
        assert.equal(heard.reader.isComplete, true);
        assert.equal(heard.reader.keepsAlive, true);
      }),
      { numRuns: 300 },
    );
  });
}

test("an answer without a length ends with its connection, which is not used again", () => {
  const heard = new Heard().read(`${OK}X: y\r\n\r\n`, "some", "thing");
  assert.equal(heard.reader.isComplete, false);
  heard.reader.end();
  assert.equal(heard.body, "something");
  assert.equal(heard.reader.isComplete, true);
  assert.equal(heard.reader.keepsAlive, false);
});

test("HEAD has no body whatever the head says", () => {
  const heard = new Heard("HEAD").read(`${OK}Content-Length: 100\r\n\r\n`);
  assert.equal(heard.reader.isComplete, true);
  assert.throws(() => heard.read("x"), { code: "upstream_failed" });
});

test("a service that says close, or speaks HTTP/1.0, is not asked again on this connection", () => {
  for (const head of [`${OK}Connection: close\r\n`, `${OK}Connection: x, y\r\n`, "HTTP/1.0 200 OK\r\n"]) {
    const heard = new Heard().read(`${head}Content-Length: 0\r\n\r\n`);
    assert.equal(heard.reader.isComplete, true);
    assert.equal(heard.reader.keepsAlive, false);
  }
});

test("names of object members are fields like others", () => {
  const heard = new Heard().read(`${OK}__proto__: a\r\nconstructor: b\r\nContent-Length: 0\r\n\r\n`);
  assert.deepEqual(
    heard.head!.fields.map(({ name }, at) => `${name}=${heard.head!.values[at]}`),
    ["__proto__=a", "constructor=b", "content-length=0"],
  );
});

const REFUSED: readonly (readonly [what: string, bytes: string])[] = [
  ["another protocol", "SSH-2.0-OpenSSH\r\n\r\n"],
  ["HTTP/2", "HTTP/2 200 OK\r\n\r\n"],
  ["a status of two digits", "HTTP/1.1 20 OK\r\n\r\n"],
  ["a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n"],
  ["a status below 100", "HTTP/1.1 099 OK\r\n\r\n"],
  ["switching protocols unasked", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"],
  ["two lengths", `${OK}Content-Length: 1\r\nContent-Length: 1\r\n\r\nx`],
  ["a list of lengths", `${OK}Content-Length: 1, 1\r\n\r\nx`],
  ["a signed length", `${OK}Content-Length: +1\r\n\r\nx`],
  ["a length with chunks", `${OK}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["another coding", `${OK}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`],
  ["chunked twice", `${OK}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
  ["chunks in HTTP/1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["a folded line", `${OK}X: a\r\n b\r\nContent-Length: 0\r\n\r\n`],
  ["white space before the colon", `${OK}Content-Length : 0\r\n\r\n`],
  ["a line without a colon", `${OK}nonsense\r\n\r\n`],
  ["a line without a name", `${OK}: x\r\n\r\n`],
  ["a bare LF", `${OK}X: y\nContent-Length: 5\r\n\r\n`],
  ["a bare CR", `${OK}X: y\rContent-Length: 5\r\n\r\n`],
  ["a NUL", `${OK}X: \0\r\n\r\n`],
  ["a chunk size that is none", `${OK}Transfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ["a signed chunk size", `${OK}Transfer-Encoding: chunked\r\n\r\n+1\r\nx\r\n`],
  ["a chunk size in 0x", `${OK}Transfer-Encoding: chunked\r\n\r\n0x1\r\nx\r\n`],
  ["an endless chunk size", `${OK}Transfer-Encoding: chunked\r\n\r\n${"f".repeat(20)}\r\n`],
  ["a chunk longer than it says", `${OK}Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n0\r\n\r\n`],
  ["a chunk that ends with a bare LF", `${OK}Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n`],
  ["an endless chunk line", `${OK}Transfer-Encoding: chunked\r\n\r\n1;${"x".repeat(5000)}`],
  ["endless trailers", `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n${"T: u\r\n".repeat(101)}\r\n`],
  ["an endless head", `${OK}X: ${"y".repeat(70_000)}`],
  ["more than the answer", `${OK}Content-Length: 1\r\n\r\nxy`],
  ["a second answer", `${OK}Content-Length: 0\r\n\r\n${OK}Content-Length: 0\r\n\r\n`],
];

for (const [what, bytes] of REFUSED) {
  test(`an answer that could be read in two ways, or is none, is refused: ${what}`, () => {
    assert.throws(() => new Heard().read(bytes), { code: "upstream_failed" });
    assert.throws(() => new Heard().read(...bytes), { code: "upstream_failed" }, "byte by byte");
  });
}

test("a connection that ends before the answer is a failure", () => {
  for (const bytes of [
    "",
    "HTTP/1.1 200 OK\r\n",
    `${OK}Content-Length: 5\r\n\r\nhell`,
    `${OK}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n`,
  ]) {
    const heard = new Heard().read(bytes);
    assert.throws(() => heard.reader.end(), { code: "upstream_failed" }, bytes);
  }
});
