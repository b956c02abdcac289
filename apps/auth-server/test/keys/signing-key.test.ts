import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { describe, it } from "node:test";
import { calculateJwkThumbprint } from "jose";
import { KeyMaker, publicPartOf } from "../../src/keys/signing-key.ts";

describe("a key maker", () => {
  it("lets others run while it makes an RSA key, which takes long, and has the next one ready", async () => {
    const maker = new KeyMaker();
    let turns = 0;
    let isMade = false;
    const count = () => {
      turns++;
      if (!isMade) setImmediate(count);
    };
    setImmediate(count);
    const first = await maker.take("RS256");
    isMade = true;
    assert.ok(turns > 1, "the event loop went on");
    const second = await maker.take("RS256");
    assert.notEqual(first.kid, second.kid);
    assert.equal(
      createPublicKey({ key: first as never, format: "jwk" }).asymmetricKeyDetails?.modulusLength,
      2048,
    );
  });

  it("names every key by its thumbprint (RFC 7638), which can be pasted into a command", async () => {
    const maker = new KeyMaker();
    for (const algorithm of ["ES256", "EdDSA"] as const) {
      for (let made = 0; made < 200; made++) {
        const key = await maker.take(algorithm);
        assert.equal(key.kid, await calculateJwkThumbprint(publicPartOf(key)));
        assert.ok(!key.kid.startsWith("-"));
      }
    }
  });
});
