import assert from "node:assert/strict";
import test from "node:test";
import { batchEvent, HeadSigner } from "@portcullis/feed-server";
import { formatCursor } from "@portcullis/protocol";
import { FrozenClock, RecordedLog } from "@portcullis/testing";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, type JWK } from "jose";
import { publicKeysOf } from "../../../src/keys/signing-key.ts";
import { createRecognizeHead } from "../../../src/revocations/rollback/sign-head.ts";
import { ISSUER, serveRevocations } from "../revocations-server.ts";
import { firstReset, openStream, readUntil } from "../stream-reader.ts";

const keys: JWK[] = [await newKey()];
const recognize = createRecognizeHead({ issuer: ISSUER, keys: () => publicKeysOf(keys) });

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: "ES256", use: "sig" };
}

test("every batch carries the chain and the issuer's word on it, in order, to those who follow and those who catch up", async (t) => {
  const server = await serveRevocations(t, { signingKeys: keys });
  const { log } = server.storage;
  const cursor = formatCursor(log.incarnation, 0);
  const live = await openStream(server.endpoint, cursor);
  await Promise.all(
    Array.from({ length: 40 }, (_, index) => server.receipt({ scope: "subject", key: `user-${index}` })),
  );
  const late = await openStream(server.endpoint, cursor);
  for (const reader of [live, late]) {
    let prev = 0;
    for (const { batch } of await readUntil(reader, 40)) {
      assert.equal(batch.prev, prev);
      prev = batch.to;
      const [record] = await log.read(batch.to - 1, 1);
      assert.equal(batch.chain, Buffer.from(record!.chain).toString("base64url"));
      const { kid, ...claims } = (await recognize(batch.signedHead!))!;
      assert.equal(kid, keys[0]!.kid);
      assert.deepEqual(
        { ...claims, iat: 0 },
        {
          iss: ISSUER,
          incarnation: log.incarnation,
          epoch: log.epoch,
          seq: batch.to,
          chain: batch.chain,
          iat: 0,
        },
      );
    }
    reader.close();
  }
});

test("a head is signed once for all, and again after a failure, which holds nothing up and is reported", async () => {
  const operatorLog = new RecordedLog();
  const noKey = new Error("no key");
  let calls = 0;
  let fails = true;
  const signer = new HeadSigner({
    signHead: async ({ seq }) => {
      calls++;
      if (fails) throw noKey;
      return `head ${seq}`;
    },
    clock: new FrozenClock(),
    operatorLog,
  });
  const position = { seq: 1, chain: new Uint8Array(32) };
  assert.equal(await signer.sign("first", position), undefined);
  assert.deepEqual(operatorLog.events, [{ level: "warn", event: "head_not_signed", seq: 1, error: noKey }]);
  fails = false;
  const signed = await Promise.all([signer.sign("first", position), signer.sign("first", position)]);
  assert.deepEqual(signed, ["head 1", "head 1"]);
  assert.equal(calls, 2);
  assert.equal(await signer.sign("second", position), "head 1");
  assert.equal(calls, 3, "another incarnation is another head");
  const record = { scope: "issuer", mode: "kill", reason: "revoked", key: new Uint8Array(16) } as const;
  const event = batchEvent({
    incarnation: "first",
    prev: 0,
    records: [{ ...record, ...position, revokedAt: 1, expiresAt: 2 }],
    signedHead: undefined,
  });
  assert.doesNotMatch(event.toString(), /signedHead/);
});

test("when the log becomes another one, every verifier is sent away, and no old snapshot is given out", async (t) => {
  const server = await serveRevocations(t, { signingKeys: keys });
  const { log } = server.storage;
  const reader = await openStream(server.endpoint, formatCursor(log.incarnation, 0));
  const snapshot = () =>
    fetch(`${server.endpoint}/snapshot`, { headers: { authorization: "Bearer gateway" } }).then((response) =>
      response.text(),
    );
  assert.match(await snapshot(), new RegExp(log.incarnation));
  const { incarnation } = await server.revocations.rollback.declareLoss({ actor: "operator", beyond: 10 });
  assert.deepEqual(await firstReset(reader), { incarnation, reason: "other_incarnation" });
  assert.match(await snapshot(), new RegExp(incarnation));
});
