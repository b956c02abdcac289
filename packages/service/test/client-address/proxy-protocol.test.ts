import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parsePreface } from "../../src/client-address/proxy-protocol.ts";
import { version1, version2 } from "./prefaces.ts";

const parse = (bytes: string | Buffer) => parsePreface(Buffer.from(bytes as string));
const sourceOf = (bytes: string | Buffer) => {
  const preface = parse(bytes);
  assert.equal(preface.state, "complete");
  return preface.state === "complete" ? preface.source : undefined;
};
const isMalformed = (bytes: string | Buffer) => parse(bytes).state === "malformed";

describe("version 1", () => {
  it("names the client", () => {
    assert.equal(sourceOf(version1("192.0.2.1")), "192.0.2.1");
    assert.equal(sourceOf(version1("2001:DB8::1")), "2001:db8::1");
    assert.equal(sourceOf("PROXY TCP6 ::ffff:192.0.2.1 ::1 65535 1\r\n"), "192.0.2.1");
  });

  it("may name nobody", () => {
    assert.equal(sourceOf("PROXY UNKNOWN\r\n"), undefined);
    assert.equal(sourceOf("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), undefined);
  });

  it("is refused when it is not exactly that", () => {
    const lines = [
      "PROXY TCP4 2001:db8::1 ::1 1 1\r\n",
      "PROXY TCP6 192.0.2.1 192.0.2.2 1 1\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.2 65536 1\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.2 01 1\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n",
      "PROXY TCP4  192.0.2.1 192.0.2.2 1 1\r\n",
      "PROXY TCP4 192.0.2 192.0.2.2 1 1\r\n",
      "PROXY UDP4 192.0.2.1 192.0.2.2 1 1\r\n",
      "proxy TCP4 192.0.2.1 192.0.2.2 1 1\r\n",
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 1\n\r\n",
      `PROXY UNKNOWN ${"x".repeat(92)}\r\n`,
      "GET / HTTP/1.1\r\n",
    ];
    for (const line of lines) assert.ok(isMalformed(line), line);
  });
});

describe("version 2", () => {
  it("names the client, whatever extensions follow", () => {
    assert.equal(sourceOf(version2("192.0.2.1")), "192.0.2.1");
    assert.equal(sourceOf(version2("2001:db8::1", { extensions: Buffer.alloc(100, 7) })), "2001:db8::1");
    assert.equal(sourceOf(version2("::ffff:192.0.2.1")), "192.0.2.1");
  });

  it("may name nobody: LOCAL, and a family that is not said", () => {
    assert.equal(sourceOf(version2("192.0.2.1", { command: 0x20 })), undefined);
    assert.equal(sourceOf(version2("192.0.2.1", { family: 0x00 })), undefined);
  });

  it("is refused for another version, family, length or signature", () => {
    for (const command of [0x00, 0x11, 0x22, 0x31])
      assert.ok(isMalformed(version2("192.0.2.1", { command })));
    for (const family of [0x12, 0x22, 0x31, 0xff]) assert.ok(isMalformed(version2("192.0.2.1", { family })));
    assert.ok(isMalformed(version2("192.0.2.1", { family: 0x21 })), "too short for IPv6");
    assert.ok(isMalformed(version2("192.0.2.1", { extensions: Buffer.alloc(5000) })));
    assert.ok(isMalformed(Buffer.from("\r\n\r\n\0\r\nQUIX\n")));
  });
});

const prefaces = fc.oneof(
  fc.oneof(fc.ipV4(), fc.ipV6()).map((address) => Buffer.from(version1(address))),
  fc.oneof(fc.ipV4(), fc.ipV6()).map((address) => version2(address)),
);

describe("any preface", () => {
  it("is asked for more until it is whole, and its length is told from what follows", () => {
    fc.assert(
      fc.property(prefaces, fc.uint8Array({ maxLength: 20 }), (preface, rest) => {
        for (let length = 0; length < preface.length; length++) {
          assert.equal(parsePreface(preface.subarray(0, length)).state, "incomplete");
        }
        const parsed = parsePreface(Buffer.concat([preface, rest]));
        assert.equal(parsed.state === "complete" && parsed.length, preface.length);
      }),
    );
  });

  it("is never waited for beyond its longest, and never throws", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 5000, maxLength: 5000 }), (bytes) => {
        for (const start of ["", "PROXY ", "\r\n\r\n\0\r\nQUIT\n", "\r\n\r\n\0\r\nQUIT\n\x21\x11"]) {
          const all = Buffer.concat([Buffer.from(start, "latin1"), bytes]);
          assert.notEqual(parsePreface(all).state, "incomplete");
        }
      }),
    );
  });
});
