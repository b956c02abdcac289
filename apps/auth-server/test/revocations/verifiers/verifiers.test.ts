import assert from "node:assert/strict";
import test from "node:test";
import { encodeBase64url, encodeRecords, type LiveDigest, LiveDigester } from "@portcullis/protocol";
import { pruneExpired } from "../../../src/revocations/retention/prune.ts";
import { clockAt } from "../../clocks.ts";
import { pruneTimeAt, withoutChain } from "../../storage/temporary-storage.ts";
import { type RevocationsServer, serveRevocations } from "../revocations-server.ts";

const NOW = 1_700_000_000;

async function serverWithRevocations(t: test.TestContext, count: number): Promise<RevocationsServer> {
  const server = await serveRevocations(t, { clock: clockAt(() => NOW) });
  for (let made = 0; made < count; made++) await server.revoke({ scope: "subject", key: `user-${made}` });
  return server;
}

/** What a verifier reports that has applied the log up to `applied`. */
async function reportAt({ storage }: RevocationsServer, applied: number) {
  const records = await storage.log.read(0, applied);
  const digester = new LiveDigester();
  digester.add(encodeRecords(records.map(withoutChain)));
  const live: LiveDigest = digester.digest(NOW + 64);
  return { applied, chain: encodeBase64url(records.at(-1)!.chain), live };
}

async function agreementOf({ revocations }: RevocationsServer): Promise<Record<string, unknown>> {
  const list = await revocations.verifiers.list();
  return Object.fromEntries(list.map(({ name, agrees }) => [name, agrees]));
}

test("a verifier agrees when its chain and its digest are those of the log, however far it has got", async (t) => {
  const server = await serverWithRevocations(t, 5);
  for (const applied of [5, 2, 4]) {
    await server.lease("gateway", { replica: `at-${applied}`, ...(await reportAt(server, applied)) });
  }
  await server.lease("gateway", { replica: "silent", applied: 5 });
  const expected = { "at-5": true, "at-2": true, "at-4": true, silent: undefined };
  assert.deepEqual(await agreementOf(server), expected);
  assert.deepEqual(await agreementOf(server), expected, "remembered");
});

test("a verifier whose chain or digest is another does not agree", async (t) => {
  const server = await serverWithRevocations(t, 3);
  const honest = await reportAt(server, 3);
  const other = await reportAt(server, 2);
  await server.lease("gateway", { replica: "chain", ...(await reportAt(server, 2)), chain: honest.chain });
  await server.lease("gateway", { replica: "live", ...honest, live: other.live });
  await server.lease("gateway", { replica: "only-live", applied: 3, live: { ...honest.live, count: 4 } });
  await server.lease("gateway", { replica: "too-old", applied: 3, live: { ...other.live, from: 64 } });
  assert.deepEqual(await agreementOf(server), {
    chain: false,
    live: false,
    "only-live": false,
    "too-old": undefined,
  });
});

test("a verifier that stands where the log was pruned is compared with the value that is kept for that place", async (t) => {
  const server = await serverWithRevocations(t, 3);
  const { chain } = await reportAt(server, 2);
  const { chain: other } = await reportAt(server, 1);
  await server.storage.write(async ({ db }) => {
    await db
      .updateTable("revocations")
      .set({ expires_at: NOW - 1 })
      .where("seq", "<=", 2)
      .execute();
  });
  await pruneExpired({ storage: server.storage, time: pruneTimeAt(NOW) });
  await server.lease("gateway", { replica: "there", applied: 2, chain });
  await server.lease("gateway", { replica: "elsewhere", applied: 2, chain: other });
  await server.lease("gateway", { replica: "before", applied: 1, chain: other });
  assert.deepEqual(await agreementOf(server), { there: true, elsewhere: false, before: undefined });
});

test("a digest is compared with the log as it was when it was reported", async (t) => {
  const server = await serverWithRevocations(t, 3);
  await server.lease("gateway", { replica: "g1", ...(await reportAt(server, 3)) });
  await server.revoke({ scope: "subject", key: "another" });
  const { applied, chain } = await reportAt(server, 4);
  await server.lease("gateway", { replica: "g1", applied, chain });
  const [status] = await server.revocations.verifiers.list();
  assert.deepEqual([status?.applied, status?.behind, status?.live?.count, status?.agrees], [4, 0, 3, true]);
});
