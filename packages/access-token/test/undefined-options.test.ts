/** An option that is there and undefined has its default, as one that is not there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keySetOf } from "@portcullis/issuer";
import { AUDIENCE, FakeIssuer, newIdentifier, signJwt, type UndefinedOptions } from "@portcullis/testing";
import {
  type AccessTokenVerifierOptions,
  createAccessTokenVerifier,
  createSignedHeadVerifier,
  createTransactionTokenVerifier,
  type RemoteKeySourceOptions,
  remoteKeySource,
  type SignedHeadVerifierOptions,
  type TransactionTokenVerifierOptions,
} from "../src/index.ts";

const VERIFIER: UndefinedOptions<AccessTokenVerifierOptions> = {
  algorithms: undefined,
  clockSkewSeconds: undefined,
  clock: undefined,
  isRefusedByClock: undefined,
  cacheEntries: undefined,
  cacheCharacters: undefined,
  maxTokenLength: undefined,
  prepare: undefined,
};
const TRANSACTION: UndefinedOptions<TransactionTokenVerifierOptions> = {
  algorithms: undefined,
  clockSkewSeconds: undefined,
  clock: undefined,
  maxTokenLength: undefined,
};
const HEAD: UndefinedOptions<SignedHeadVerifierOptions> = { algorithms: undefined };
const KEYS: UndefinedOptions<RemoteKeySourceOptions> = {
  clock: undefined,
  setTimer: undefined,
  log: undefined,
  cooldownMs: undefined,
  waitMs: undefined,
  maxAgeMs: undefined,
  keepLastKeysMs: undefined,
  retryMs: undefined,
};

test("verifiers go by the system's clock, take every algorithm and remember tokens, with keys found by discovery", async () => {
  await using issuer = await FakeIssuer.start();
  const keys = remoteKeySource({ fetchKeySet: keySetOf({ issuer: issuer.issuer }), ...KEYS });
  const verifier = createAccessTokenVerifier({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    keys,
    ...VERIFIER,
  });
  const token = issuer.mint();
  const first = await verifier.verify(token);
  assert.equal(verifier.verify(token), first);
  verifier.recheckTimes(first);

  const transactions = createTransactionTokenVerifier({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    keys,
    ...TRANSACTION,
  });
  const { key } = issuer;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer.issuer,
    aud: AUDIENCE,
    iat: now,
    exp: now + 5,
    txn: newIdentifier(),
    sub: "ann",
  };
  const header = { alg: key.alg, kid: key.kid, typ: "txntoken+jwt" };
  assert.equal((await transactions.verify(signJwt(key, header, claims))).subject, "ann");

  const verifyHead = createSignedHeadVerifier({ issuer: issuer.issuer, keys, ...HEAD });
  const head = { incarnation: newIdentifier(), epoch: 1, seq: 1, chain: "A".repeat(43) };
  assert.equal((await verifyHead(issuer.signHead(head))).seq, 1);
});
