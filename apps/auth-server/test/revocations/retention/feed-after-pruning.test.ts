/** A server that was away for so long that the others have pruned what it never saw. */
import assert from "node:assert/strict";
import test from "node:test";
import { formatCursor } from "@portcullis/protocol";
import { draft, oneTo } from "../../storage/temporary-storage.ts";
import { type RevocationsServer, serveRevocations } from "../revocations-server.ts";
import { firstReset, openStream, readUntil } from "../stream-reader.ts";

const append = ({ storage }: RevocationsServer) =>
  storage.write((transaction) => transaction.append([draft("s")]));
const cursor = ({ storage }: RevocationsServer, seq: number) => formatCursor(storage.log.incarnation, seq);

/** As if others had appended up to `seq`, and pruned all of it. */
async function prunedByOthers({ storage }: RevocationsServer, seq: number): Promise<void> {
  const chain = new Uint8Array(32).fill(7);
  await storage.write(async ({ db }) => {
    await db.deleteFrom("revocations").execute();
    const state = { head: seq, chain, anchor_seq: seq, anchor_chain: chain };
    await db.updateTable("revocation_state").set(state).execute();
  });
}

test("its verifiers begin anew, and then get what is appended", async (t) => {
  const server = await serveRevocations(t);
  await append(server);
  const verifier = await openStream(server.endpoint, cursor(server, 1));
  await prunedByOthers(server, 8);
  assert.equal(await server.storage.log.reload(), 8);
  const { incarnation } = server.storage.log;
  assert.deepEqual(await firstReset(verifier), { incarnation, reason: "too_old" });
  const next = await openStream(server.endpoint, cursor(server, 8));
  await append(server);
  assert.deepEqual(
    (await readUntil(next, 9)).map(({ batch }) => [batch.prev, batch.to]),
    [[8, 9]],
  );
  next.close();
});

test("a batch that was not sent yet is never sent with a gap before it", async (t) => {
  const server = await serveRevocations(t);
  await append(server);
  const verifier = await openStream(server.endpoint, cursor(server, 1));
  await Promise.all(oneTo(20).map(() => append(server)));
  await prunedByOthers(server, 30);
  await server.storage.log.reload();
  await append(server);
  let applied = 1;
  for await (const event of verifier.events) {
    if (event.type !== "batch") continue;
    assert.equal(event.batch.prev, applied);
    applied = event.batch.to;
  }
  assert.ok(applied <= 21, `it was sent ${applied}`);
});
