import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { decodeSnapshot, encodeSnapshot, RECORD_BYTES, signSnapshot } from "@portcullis/protocol";
import { TIME_LIMIT } from "@portcullis/testing";
import { until } from "@portcullis/testing/end-to-end";
import { startWorld } from "./support/world.ts";

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/** What a relay answers, changed on its way by whoever runs it. */
const lying =
  (endpoint: string, lies: Readonly<Record<string, (answer: Response) => Promise<Response>>>): typeof fetch =>
  async (input, init) => {
    const answer = await fetch(input, init);
    const path = Object.keys(lies).find((one) => String(input) === endpoint + one);
    return path === undefined ? answer : lies[path]!(answer);
  };

/** The last record is left out, and everything that can be computed fits. */
async function withoutLastRecord(answer: Response): Promise<Response> {
  const { header, records, signedHead } = decodeSnapshot(new Uint8Array(await answer.arrayBuffer()), sha256);
  const count = header.count - 1;
  const bytes = encodeSnapshot({ ...header, count }, records.subarray(0, count * RECORD_BYTES), sha256);
  return new Response(Buffer.from(signSnapshot(bytes, signedHead!)), answer);
}

test(
  "a relay that leaves a revocation out of its snapshot is gone around, and the issuer is told",
  TIME_LIMIT,
  async (t) => {
    const world = await startWorld(t);
    const token = `Bearer ${await world.token()}`;
    await world.revokeService(10);
    const relay = await world.relay();
    const { endpoint } = relay;
    const verifier = await world.verifier("a", endpoint, {
      fetch: lying(endpoint, { "/snapshot": withoutLastRecord }),
    });
    const decision = await verifier.authenticate(token);
    assert.deepEqual([decision.outcome, "status" in decision && decision.status], ["deny", 401]);
    const refused = () => world.operatorLog.named("carrier_refused");
    await until(() => refused().length > 0, { what: "the issuer to be told" });
    const [{ what, carrier, clientId, code } = {}] = refused() as Partial<Record<string, unknown>>[];
    assert.deepEqual(
      [what, carrier, clientId, code],
      ["snapshot", new URL(endpoint).origin, "orders", "malformed_feed"],
    );
  },
);

test("a relay that says that the log is another one is not believed", TIME_LIMIT, async (t) => {
  const world = await startWorld(t);
  const relay = await world.relay();
  const { endpoint } = relay;
  let lies = false;
  const conflict = async (answer: Response) =>
    lies ? Response.json({ error: "other_incarnation" }, { status: 409 }) : answer;
  const verifier = await world.verifier("a", endpoint, { fetch: lying(endpoint, { "/lease": conflict }) });
  const states: string[] = [];
  verifier.replica.subscribe(({ state }) => states.push(state));
  lies = true;
  const { seq } = await world.revokeService(10);
  await until(() => verifier.replica.applied >= seq && verifier.replica.state === "live", {
    what: "the verifier to be live by the issuer",
  });
  assert.ok(!states.includes("diverged"), states.join());
});
