import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import test, { type TestContext } from "node:test";
import { createSignedHeadVerifier, localKeySource } from "@portcullis/access-token";
import { encodeIdentifier, type RevocableClaims, systemClock } from "@portcullis/protocol";
import { createReplica, httpFeed, type Replica } from "@portcullis/revocation";
import { patienceSignal } from "@portcullis/testing";
import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK, SignJWT } from "jose";
import { publicKeysOf } from "../../../src/keys/signing-key.ts";
import { createSignHead } from "../../../src/revocations/rollback/sign-head.ts";
import { temporaryFile } from "../../storage/temporary-storage.ts";
import {
  bearer,
  ISSUER,
  type RevocationsServer,
  type ServerOptions,
  serveRevocations,
} from "../revocations-server.ts";

const keys = [await newKey()];

async function newKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: "ES256", use: "sig" };
}

const newIdentifier = () => encodeIdentifier(randomBytes(16));
const serve = (t: TestContext, options: ServerOptions = {}) =>
  serveRevocations(t, { signingKeys: keys, ...options });
const revokeSession = (server: RevocationsServer, key = newIdentifier()) =>
  server.receipt({ scope: "session", key, reason: "kicked" }, "wait=10");

/** The claims of a token that is issued now. */
function tokenOf({ storage }: RevocationsServer, sid = newIdentifier()): RevocableClaims {
  const iat = Math.floor(Date.now() / 1000);
  return { iss: ISSUER, iat, exp: iat + 300, rv: storage.log.head(), jti: newIdentifier(), sid };
}

const outcomeAt = (replica: Replica, claims: RevocableClaims) =>
  replica.verdict(replica.coordinatesOf(claims, {})).outcome;
const outcomeHere = ({ revocations: { local } }: RevocationsServer, claims: RevocableClaims) =>
  local.verdict(local.coordinatesOf(claims, {})).outcome;

async function replicaOf(t: TestContext, server: RevocationsServer, name = "r"): Promise<Replica> {
  const verifyHead = createSignedHeadVerifier({ issuer: ISSUER, keys: localKeySource(publicKeysOf(keys)) });
  const feed = httpFeed({ endpoint: server.endpoint, authorization: async () => bearer("gateway") });
  const replica = createReplica({ feed, name, leaseMs: 1000, verifyHead });
  t.after(() => replica.close());
  replica.start();
  await replica.whenReady(patienceSignal());
  return replica;
}

/** Resolves when it is live on that incarnation, at that server's head. */
function settledOn(replica: Replica, server: RevocationsServer, incarnation: string): Promise<void> {
  const isSettled = () =>
    replica.incarnation === incarnation &&
    replica.state === "live" &&
    replica.applied === server.storage.log.head();
  return new Promise((resolve) => {
    const stop = replica.subscribe(() => {
      if (!isSettled()) return;
      stop();
      resolve();
    });
    if (isSettled()) resolve();
  });
}

const otherIncarnation = (replica: Replica, than: string): Promise<string> =>
  new Promise((resolve) => {
    const stop = replica.subscribe(() => {
      const { incarnation } = replica;
      if (incarnation === undefined || incarnation === than) return;
      stop();
      resolve(incarnation);
    });
  });

/** Stops the server and starts it on the copy of its file: on the same port, if verifiers are to find it. */
async function restore(
  t: TestContext,
  server: RevocationsServer,
  copy: string,
  port = Number(new URL(server.endpoint).port),
): Promise<RevocationsServer> {
  await server.close();
  for (const suffix of ["-wal", "-shm"]) rmSync(server.file + suffix, { force: true });
  copyFileSync(copy, server.file);
  return serve(t, { file: server.file, port });
}

/** Copied while the server is down, as a backup that is consistent. */
async function backup(t: TestContext, server: RevocationsServer) {
  const copy = temporaryFile(t);
  await server.close();
  mkdirSync(dirname(copy), { recursive: true });
  copyFileSync(server.file, copy);
  return { copy, server: await serve(t, { file: server.file }) };
}

test("a verifier's signed head proves that the database was restored, and everything issued before is void", async (t) => {
  const first = await serve(t);
  for (let count = 0; count < 3; count++) await revokeSession(first);
  const { copy, server } = await backup(t, first);
  const replica = await replicaOf(t, server);
  const { incarnation } = server.storage.log;
  const lost = newIdentifier();
  const old = tokenOf(server);
  for (let count = 0; count < 4; count++) await revokeSession(server);
  const young = tokenOf(server, lost);
  await revokeSession(server, lost);
  assert.equal(server.storage.log.head(), 8);
  assert.equal(outcomeAt(replica, young), "killed");

  const changed = otherIncarnation(replica, incarnation);
  const restored = await restore(t, server, copy);
  await changed;
  await settledOn(replica, restored, restored.storage.log.incarnation);

  assert.notEqual(restored.storage.log.incarnation, incarnation);
  assert.ok(restored.storage.log.head() > 8);
  for (const token of [old, young]) {
    assert.equal(outcomeHere(restored, token), "killed");
    assert.equal(outcomeAt(replica, token), "killed");
  }
  const fresh = tokenOf(restored);
  assert.equal(outcomeHere(restored, fresh), "allow");
  assert.equal(outcomeAt(replica, fresh), "allow");
  const [event] = restored.operatorLog.named("log_rolled_back");
  assert.deepEqual(
    { ...event, to: undefined, head: undefined },
    {
      level: "error",
      event: "log_rolled_back",
      incarnation,
      lost: 8,
      how: "signed_head",
      to: undefined,
      head: undefined,
    },
  );
});

test("it happens once, however many verifiers prove it at the same time", async (t) => {
  const { copy, server } = await backup(t, await serve(t));
  const replicas = await Promise.all(["a", "b", "c", "d"].map((name) => replicaOf(t, server, name)));
  const { incarnation } = server.storage.log;
  await revokeSession(server);
  const changed = replicas.map((replica) => otherIncarnation(replica, incarnation));
  const restored = await restore(t, server, copy);
  await Promise.all(changed);
  await Promise.all(
    replicas.map((replica) => settledOn(replica, restored, restored.storage.log.incarnation)),
  );
  assert.equal(restored.operatorLog.named("log_rolled_back").length, 1);
});

test("it is proved when the restored log has grown to other records at the same seq", async (t) => {
  const { copy, server } = await backup(t, await serve(t));
  const { incarnation } = server.storage.log;
  const signHead = createSignHead({
    issuer: ISSUER,
    key: () => keys[0]!,
    log: { incarnation, epoch: 1 },
    clock: systemClock,
  });
  await revokeSession(server);
  const signedHead = await signHead(server.storage.log.position());
  const restored = await restore(t, server, copy, 0);
  await revokeSession(restored);
  assert.equal(restored.storage.log.head(), 1);
  const response = await restored.leaseCall("gateway", { incarnation, applied: 1, signedHead });
  assert.equal(response.status, 409);
  assert.notEqual(restored.storage.log.incarnation, incarnation);
});

test("what this issuer has not signed changes nothing", async (t) => {
  const server = await serve(t);
  await revokeSession(server);
  const { incarnation } = server.storage.log;
  const foreign = [await newKey()];
  const position = { seq: 50, chain: new Uint8Array(32).fill(9) };
  const forged = await Promise.all([
    createSignHead({
      issuer: ISSUER,
      key: () => foreign[0]!,
      log: { incarnation, epoch: 1 },
      clock: systemClock,
    })(position),
    createSignHead({
      issuer: "https://other.example",
      key: () => keys[0]!,
      log: { incarnation, epoch: 1 },
      clock: systemClock,
    })(position),
    createSignHead({
      issuer: ISSUER,
      key: () => ({ ...foreign[0]!, kid: keys[0]!.kid! }),
      log: { incarnation, epoch: 1 },
      clock: systemClock,
    })(position),
  ]);
  // By the right key, for another purpose: a token is no head.
  const claims = { iss: ISSUER, incarnation, seq: 50, chain: "A".repeat(43), iat: 1 };
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: "ES256", kid: keys[0]!.kid!, typ: "at+jwt" })
    .sign(await importJWK(keys[0]!));
  for (const signedHead of [...forged, token, "rubbish", `${forged[0]}x`]) {
    const response = await server.leaseCall("gateway", { applied: 50, signedHead });
    assert.deepEqual([response.status, (await response.json()).error], [409, "ahead_of_head"]);
  }
  assert.equal(server.storage.log.incarnation, incarnation);
  assert.equal(server.storage.log.head(), 1);
  assert.deepEqual(server.operatorLog.named("log_rolled_back"), []);
});

test("a head that was really signed, and that the log still holds, changes nothing", async (t) => {
  const server = await serve(t);
  const { log } = server.storage;
  await revokeSession(server);
  const signHead = createSignHead({
    issuer: ISSUER,
    key: () => keys[0]!,
    log,
    clock: systemClock,
  });
  const signedHead = await signHead(log.position());
  await revokeSession(server);
  const { incarnation } = log;
  assert.equal((await server.leaseCall("gateway", { applied: 2, signedHead })).status, 200);
  assert.equal(log.incarnation, incarnation);
  assert.equal(log.head(), 2);
});

test("a verifier that proves more than the first one did voids the tokens in between, too", async (t) => {
  const server = await serve(t);
  const { log } = server.storage;
  await revokeSession(server);
  const before = log.incarnation;
  const signHead = createSignHead({
    issuer: ISSUER,
    key: () => keys[0]!,
    log: { incarnation: before, epoch: 1 },
    clock: systemClock,
  });
  const proofOf = (seq: number) => signHead({ seq, chain: new Uint8Array(32).fill(seq % 256) });
  await server.leaseCall("gateway", { applied: 40, signedHead: await proofOf(40) });
  const between = { ...tokenOf(server), rv: 2500 };
  assert.ok(log.head() > 40 && log.head() < 2500);
  assert.equal(outcomeHere(server, between), "allow");
  await server.leaseCall("gateway", { incarnation: before, applied: 3000, signedHead: await proofOf(3000) });
  assert.ok(log.head() > 3000);
  assert.equal(outcomeHere(server, between), "killed");
});

test("a head of the lost log is a proof also when the new log has grown past its seq", async (t) => {
  const server = await serve(t);
  const { log, write } = server.storage;
  const { incarnation } = log;
  const signHead = createSignHead({
    issuer: ISSUER,
    key: () => keys[0]!,
    log: { incarnation, epoch: 1 },
    clock: systemClock,
  });
  const show = async (seq: number) => {
    const signedHead = await signHead({ seq, chain: new Uint8Array(32).fill(7) });
    return server.leaseCall("gateway", { incarnation, applied: seq, signedHead });
  };
  await show(40);
  const session = { scope: "session", mode: "kill", reason: "kicked" } as const;
  await write(async ({ append }) =>
    append(Array.from({ length: 3000 }, () => ({ ...session, key: newIdentifier() }))),
  );
  const between = { ...tokenOf(server), rv: 2500 };
  assert.equal(outcomeHere(server, between), "allow");
  await show(2600);
  assert.equal(outcomeHere(server, between), "killed");

  const fresh = tokenOf(server);
  await show(2600);
  await show(40);
  assert.equal(outcomeHere(server, fresh), "allow", "shown again it changes nothing");
});

test("a head of a log that goes on under another name proves nothing", async (t) => {
  const server = await serve(t);
  const { log } = server.storage;
  const signHead = createSignHead({
    issuer: ISSUER,
    key: () => keys[0]!,
    log: { incarnation: "the-name-before", epoch: 1 },
    clock: systemClock,
  });
  await revokeSession(server);
  const signedHead = await signHead(log.position());
  await revokeSession(server);
  await server.leaseCall("gateway", { applied: 2, signedHead });
  assert.equal(log.head(), 2);
});

test("a head that is signed with a revoked key proves nothing", async (t) => {
  const server = await serve(t);
  const { log } = server.storage;
  const { incarnation } = log;
  await server.receipt({ scope: "key", key: keys[0]!.kid });
  const signHead = createSignHead({
    issuer: ISSUER,
    key: () => keys[0]!,
    log: { incarnation, epoch: 1 },
    clock: systemClock,
  });
  const signedHead = await signHead({ seq: 5000, chain: new Uint8Array(32) });
  assert.equal((await server.leaseCall("gateway", { applied: 5000, signedHead })).status, 409);
  assert.deepEqual([log.incarnation, log.head()], [incarnation, 1]);
});

test("an operator who has restored a backup by hand declares the loss", async (t) => {
  const server = await serve(t);
  const { incarnation } = server.storage.log;
  const token = { ...tokenOf(server), rv: 9000 };
  const declared = await server.revocations.rollback.declareLoss({ actor: "operator" });
  assert.equal(server.operatorLog.named("log_rolled_back")[0]?.level, "info", "who declared it knows");
  assert.notEqual(declared.incarnation, incarnation);
  assert.equal(outcomeHere(server, token), "killed");
  assert.equal(outcomeHere(server, tokenOf(server)), "allow");
});

test("a loss is declared by call; what is wrong with it is named, and a verifier may not", async (t) => {
  const server = await serve(t);
  const { log } = server.storage;
  const { incarnation } = log;
  const declare = (body: unknown, client = "admin") =>
    fetch(`${server.endpoint}/loss`, {
      method: "POST",
      headers: { authorization: bearer(client), "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  assert.equal((await declare({}, "gateway")).status, 403);
  for (const [field, body] of [
    ["beyond", { beyond: 1_000_001 }],
    ["beyond", { beyond: -1 }],
    ["beyond", { beyond: 2 ** 60 }],
    ["note", { note: "a\0b" }],
    ["actor", { actor: "me" }],
    ["body", []],
  ] as const) {
    const response = await declare(body);
    assert.deepEqual([response.status, (await response.json()).problems[0].field], [400, field]);
  }
  assert.deepEqual([log.incarnation, log.head()], [incarnation, 0]);

  const token = { ...tokenOf(server), rv: 700 };
  const response = await declare({ beyond: 700, note: "restored" });
  assert.equal(response.status, 200);
  assert.deepEqual(await response.json(), { incarnation: log.incarnation, head: 1701 });
  assert.notEqual(log.incarnation, incarnation);
  assert.equal(outcomeHere(server, token), "killed");
});
