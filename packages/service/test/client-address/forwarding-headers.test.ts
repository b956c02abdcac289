import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { forwardedHops, xForwardedForHops } from "../../src/client-address/forwarding-headers.ts";

const forwarded = (value: string) => [...forwardedHops(value)];
const xForwardedFor = (value: string) => [...xForwardedForHops(value)];

describe("X-Forwarded-For", () => {
  it("is read from the right, with ports and brackets or without", () => {
    const value = "192.0.2.1, 192.0.2.2:8080 ,[2001:db8::1]:443,2001:db8::2, [2001:db8::3]";
    assert.deepEqual(xForwardedFor(value), [
      "2001:db8::3",
      "2001:db8::2",
      "2001:db8::1",
      "192.0.2.2",
      "192.0.2.1",
    ]);
  });

  it("has a hop that cannot be told wherever something else stands", () => {
    const strange = [
      "unknown",
      "_hidden",
      "proxy.example",
      "192.0.2.1:x",
      "192.0.2.1:123456",
      "[192.0.2.1",
      "1",
    ];
    for (const text of [...strange, "192.0.2.1 192.0.2.2", '"192.0.2.1', "192.0.2.1;x"]) {
      assert.deepEqual(xForwardedFor(`10.0.0.1, ${text}`), [undefined, "10.0.0.1"], text);
    }
    assert.deepEqual(xForwardedFor(""), []);
    assert.deepEqual(xForwardedFor(" , ,"), []);
  });
});

describe("Forwarded", () => {
  it("is read from the right, quoted or not, whatever else an element says", () => {
    const value =
      'for=192.0.2.1;by=_x, For="[2001:DB8::1]:4711";proto=https, host="a,b\\",for=6.6.6.6" ; for="192.0.2.2:80"';
    assert.deepEqual(forwarded(value), ["192.0.2.2", "2001:db8::1", "192.0.2.1"]);
  });

  it("has a hop that cannot be told for a name, nothing, twice, and what is no element", () => {
    const strange = [
      "for=unknown",
      "for=_gateway",
      "by=192.0.2.1",
      "for=192.0.2.1;for=192.0.2.2",
      "192.0.2.1",
    ];
    for (const text of [...strange, 'for="192.0.2.1', "for=[2001:db8::1]", "for=192.0.2.1 proto=http"]) {
      assert.equal(forwarded(`for=10.0.0.1, ${text}`)[0], undefined, text);
    }
  });
});

/** What a client may put in front: anything, with what matters to a parser more often than by chance. */
const prefix = fc.array(
  fc.oneof(
    fc.constantFrom('"', "\\", ",", ";", "=", " ", "for=6.6.6.6", 'x="', "[", "]", ":", "unknown", "6.6.6.6"),
    fc.string({ maxLength: 5 }),
  ),
  { maxLength: 20 },
);

describe("whatever a client puts in front", () => {
  it("changes nothing of what the proxy added behind it", () => {
    fc.assert(
      fc.property(prefix, fc.ipV4(), (parts, address) => {
        const before = parts.join("");
        assert.equal(xForwardedFor(`${before}, ${address}`)[0], address);
        assert.equal(forwarded(`${before}, for=${address};proto=https`)[0], address);
        assert.equal(forwarded(`${before},for="${address}:80";host="a\\",b"`)[0], address);
      }),
    );
  });

  it("is read in a time that grows with its length, and never throws", () => {
    for (const part of ['"', '\\"', ",", "for=", 'a="', "a=b;", '"\\']) {
      const value = part.repeat(16_384 / part.length);
      assert.ok(forwarded(value).length <= value.length);
      assert.ok(xForwardedFor(value).length <= value.length);
    }
  });
});
