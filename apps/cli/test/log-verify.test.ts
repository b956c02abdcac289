import assert from "node:assert/strict";
import { hash } from "node:crypto";
import test from "node:test";
import {
  encodeBase64url,
  encodeRecords,
  extendChain,
  LIVE_DIGEST_STRETCH_SECONDS,
  LiveDigester,
} from "@portcullis/protocol";
import { EXIT } from "../src/index.ts";
import { type CliUnderTest, cliUnderTest } from "./cli-under-test.ts";

const append = (cli: CliUnderTest, count: number) =>
  cli.server.server.storage.write(async (transaction) =>
    transaction.append(
      Array.from({ length: count }, (_, at) => ({
        scope: "subject",
        mode: "kill",
        reason: "revoked",
        key: `s${at}`,
      })),
    ),
  );

async function digestOf(cli: CliUnderTest, upTo: number) {
  const digester = new LiveDigester();
  digester.add(encodeRecords(await cli.server.server.storage.log.read(0, upTo)));
  return digester.digest(Math.floor(Date.now() / 1000) - LIVE_DIGEST_STRETCH_SECONDS);
}

/** As an intruder with the data file would. */
const tamper = (cli: CliUnderTest, seq: number, change: object) =>
  cli.server.server.storage.write(async ({ db }) => {
    await db.updateTable("revocations").set(change).where("seq", "=", seq).execute();
  });

const checksOf = (out: string) =>
  JSON.parse(out).checks.map(({ check, subject, ok }: Record<string, unknown>) => [subject ?? check, ok]);

test("an empty log is complete", async (t) => {
  const cli = await cliUnderTest(t);
  const { code, out } = await cli.run("log verify");
  assert.equal(code, EXIT.ok, out);
  assert.match(out, /The log is complete\. No verifier holds a lease\./);
});

test("a log and a verifier that are the same pass", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 25);
  await cli.verifier("gateway-1");
  await cli.run("revoke subject alice");
  const { code, out } = await cli.run("log verify");
  assert.equal(code, EXIT.ok, out);
  assert.match(out, /^ok +log +26 records, seq 1 to 26, without a gap$/m);
  assert.match(out, /^ok +chain +computed again from the records; it is [\w-]{43} at seq 26$/m);
  assert.match(out, /1 of 1 verifier holds the same records/);
});

test("what verifiers report is compared at the place that they have reached", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 30);
  const { log } = cli.server.server.storage;
  const [tenth] = await log.read(9, 1);
  const chain = encodeBase64url(tenth!.chain);
  const live = await digestOf(cli, 10);
  await cli.lease({ replica: "same", applied: 10, chain, live });
  await cli.lease({ replica: "older-digest", applied: 12, live });
  await cli.lease({ replica: "other-chain", applied: 11, chain });
  await cli.lease({
    replica: "other-records",
    applied: 10,
    chain,
    live: { ...live, sum: "0123456789abcdef" },
  });
  await cli.lease({ replica: "too-many", applied: 9, live });
  await cli.lease({ replica: "silent", applied: 30 });
  const { code, out } = await cli.run("log verify --json");
  assert.equal(code, EXIT.difference);
  const found = new Map(checksOf(out));
  assert.deepEqual(
    ["log", "chain", "same", "older-digest", "other-chain", "other-records", "too-many", "silent"].map(
      (name) => [name, found.get(name)],
    ),
    [
      ["log", true],
      ["chain", true],
      ["same", true],
      ["older-digest", true],
      ["other-chain", false],
      ["other-records", false],
      ["too-many", false],
      ["silent", null],
    ],
  );
  const text = await cli.run("log verify");
  assert.match(text.out, /^NO +other-chain +has another chain at seq 11: it holds other records$/m);
  assert.match(text.out, /What to do: Restart that verifier/);
  assert.match(text.out, /^These differ: .*other-records/m);
});

test("a record that was altered in the database is found, and named", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 40);
  await cli.verifier("gateway-1");
  await tamper(cli, 17, { expires_at: 1 });
  const { code, out } = await cli.run("log verify");
  assert.equal(code, EXIT.difference);
  assert.match(out, /^NO +chain +.*at seq 17: it was altered$/m);
  assert.match(out, /restore the database from a backup/);
});

test("a chain that was made anew over altered records does not pass the verifiers", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 3);
  const { log } = cli.server.server.storage;
  const [first, ...others] = await log.read(0, 3);
  await cli.lease({ replica: "gateway-1", chain: encodeBase64url(others.at(-1)!.chain) });
  assert.equal((await cli.run("log verify")).code, EXIT.ok);
  let { chain } = first!;
  for (const record of others) {
    const altered = { ...record, expiresAt: record.expiresAt - 1 };
    chain = extendChain(chain, encodeRecords([altered]), (bytes) => hash("sha256", bytes, "buffer"));
    await tamper(cli, record.seq, { expires_at: altered.expiresAt, chain });
  }
  const { code, out } = await cli.run("log verify --json");
  assert.equal(code, EXIT.difference);
  const found = new Map(checksOf(out));
  assert.deepEqual([found.get("log"), found.get("chain"), found.get("gateway-1")], [true, true, false]);
});

test("a record that was taken out of the database is missed", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 20);
  await cli.server.server.storage.write(async ({ db }) => {
    await db.deleteFrom("revocations").where("seq", "=", 8).execute();
  });
  const { code, out } = await cli.run("log verify");
  assert.equal(code, EXIT.difference);
  assert.match(out, /^NO +log +has a gap: seq 9 follows seq 7$/m);
});

test("the end of the log cannot be cut off unnoticed", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 20);
  await cli.server.server.storage.write(async ({ db }) => {
    await db.deleteFrom("revocations").where("seq", ">", 15).execute();
  });
  const { code, out } = await cli.run("log verify");
  assert.equal(code, EXIT.difference);
  assert.match(out, /has a gap: seq 16 to 20 are missing/);
});

test("a long log shows its progress at a terminal, and is signed", async (t) => {
  const cli = await cliUnderTest(t);
  await append(cli, 25_000);
  const { code, out, err } = await cli.run("log verify --no-color", { isTerminal: true });
  assert.equal(code, EXIT.ok, out);
  assert.match(err, /Reading the log: seq 10,000 of 25,000 \(40%\)/);
  assert.match(out, /^ok +log +25,000 records/m);
  assert.match(out, /^ok +signature +the issuer signed it at seq 25000/m);
});
