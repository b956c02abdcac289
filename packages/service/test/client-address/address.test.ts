import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { addressGroup, parseAddress } from "../../src/client-address/address.ts";
import { addressesIn, isPublicAddress, problemOfNetwork } from "../../src/client-address/networks.ts";
import { trustedProxiesSchema } from "../../src/client-address/trusted-proxies.ts";

describe("an address", () => {
  it("has one spelling, and an IPv4-mapped one is its IPv4 address", () => {
    assert.equal(parseAddress("192.0.2.1"), "192.0.2.1");
    for (const text of ["::ffff:192.0.2.1", "::FFFF:c000:201", "0:0:0:0:0:ffff:192.0.2.1"]) {
      assert.equal(parseAddress(text), "192.0.2.1", text);
    }
    for (const text of ["2001:DB8::1", "2001:db8:0:0:0:0:0:1", "2001:0db8::0001"]) {
      assert.equal(parseAddress(text), "2001:db8::1", text);
    }
  });

  it("is nothing that only some parsers take for one", () => {
    const texts = ["", "1", "127.1", "010.0.0.1", "0x7f.0.0.1", "1.2.3.4.5", "1.2.3.256", " 1.2.3.4", "::g"];
    for (const text of [...texts, "fe80::1%eth0", "1.2.3.4/32", "unknown", "localhost"]) {
      assert.equal(parseAddress(text), undefined, text);
    }
  });
});

describe("the group that is counted as one caller", () => {
  it("is an IPv4 address, and the /64 of an IPv6 address", () => {
    assert.equal(addressGroup("192.0.2.1"), "192.0.2.1");
    assert.equal(addressGroup("2001:db8:1:2:3:4:5:6"), addressGroup("2001:db8:1:2:ffff::1"));
    assert.notEqual(addressGroup("2001:db8:1:2::1"), addressGroup("2001:db8:1:3::1"));
    assert.equal(addressGroup("unknown"), "unknown");
  });
});

describe("networks that are trusted", () => {
  it("hold what is in them, of their own family alone", () => {
    const isIn = addressesIn(["10.0.0.0/8", "2001:db8::/32", "192.0.2.7", "::1"]);
    for (const address of ["10.255.1.1", "2001:db8:ffff::1", "192.0.2.7", "::1"]) {
      assert.ok(isIn(address), address);
    }
    for (const address of ["11.0.0.1", "2001:db9::1", "192.0.2.8", "::2", "unknown", ""]) {
      assert.ok(!isIn(address), address);
    }
  });

  it("are refused when they would match nothing, everybody, or something else than they look like", () => {
    assert.match(problemOfNetwork("0.0.0.0/0")!, /everybody/);
    assert.match(problemOfNetwork("::/0")!, /everybody/);
    assert.match(problemOfNetwork("10.1.0.0/8")!, /write 10\.0\.0\.0\/8/);
    assert.match(problemOfNetwork("2001:db8::1/64")!, /write 2001:db8::\/64/);
    assert.match(problemOfNetwork("::ffff:10.0.0.0/104")!, /as IPv4/);
    for (const text of ["", "proxy", "10.0.0.0/33", "10.0.0.0/8/8", "10.0.0.0/", "10/8", "::/129"]) {
      assert.notEqual(problemOfNetwork(text), undefined, text);
    }
    for (const text of ["10.0.0.0/8", "::1", "127.0.0.1", "2001:db8::/48"]) {
      assert.equal(problemOfNetwork(text), undefined, text);
    }
  });
});

describe("the setting", () => {
  const isValid = (value: object) => trustedProxiesSchema.safeParse(value).success;

  it("names the proxies, and says how they name the client", () => {
    assert.ok(isValid({ addresses: ["10.0.0.1"], header: "forwarded" }));
    assert.ok(isValid({ addresses: ["10.0.0.1"], proxyProtocol: true }));
    assert.ok(!isValid({ addresses: ["10.0.0.1"] }));
    assert.ok(!isValid({ addresses: [], header: "forwarded" }));
    assert.ok(!isValid({ proxyProtocol: true }), "the PROXY protocol of nobody in particular");
    assert.ok(!isValid({ addresses: ["0.0.0.0/0"], header: "forwarded" }));
  });
});

describe("a public address", () => {
  it("is one of the world's", () => {
    for (const address of ["1.1.1.1", "::ffff:1.1.1.1", "2606:4700::1111"]) {
      assert.equal(isPublicAddress(address), true, address);
    }
  });

  it("is none of this machine, of a private network, or one that leads there", () => {
    for (const address of [
      ...["0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.31.0.1", "192.0.0.1"],
      ...["192.0.2.1", "192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"],
      ...[
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
        "2001::1",
        "fc00::1",
      ],
      ...["fd00::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1", "100::1", "4000::1", "localhost", ""],
    ]) {
      assert.equal(isPublicAddress(address), false, address);
    }
  });
});
