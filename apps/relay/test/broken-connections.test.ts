import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { decodeSnapshot } from "@portcullis/protocol";
import {
  anyConversation,
  breakOffAt,
  everyCut,
  openSockets,
  requestKinds,
} from "@portcullis/testing/connections";
import { until } from "@portcullis/testing/end-to-end";
import fc from "fast-check";
import { RelayProcess } from "./support/relay-process.ts";
import { startWorld } from "./support/world.ts";

/** Sockets that it may have open now and had not before: to its issuer. */
const FEW = 4;

test("the relay outlives connections that break off at any byte, and holds nothing afterwards", async (t) => {
  const world = await startWorld(t);
  await using relay = new RelayProcess({}, "--config", await world.relayFile());
  const { url, endpoint, management } = await relay.ready();
  await until(async () => (await fetch(`${url}/health/ready`)).ok, { what: "the relay to be ready" });
  const cursor = `Last-Event-ID: ${await newestCursor(endpoint, await world.feedToken())}`;
  const authorization = `Authorization: Bearer ${await world.feedToken()}`;
  const requests = [
    ...requestKinds("/health/ready"),
    ...requestKinds("/revocations/stream", [authorization, cursor]),
    ...requestKinds("/revocations/lease", [authorization, "Content-Type: application/json"]),
  ];
  const before = openSockets(relay.child.pid!);
  await breakOffAt(url, everyCut(requests));
  await fc.assert(
    fc.asyncProperty(fc.array(anyConversation(requests), { minLength: 24, maxLength: 24 }), async (all) => {
      await breakOffAt(url, all);
    }),
    { numRuns: 12, endOnFailure: true },
  );
  assert.equal(relay.child.exitCode, null, relay.errors);
  assert.equal((await fetch(`${url}/health/live`)).status, 200);
  await until(() => openSockets(relay.child.pid!) <= before + FEW, {
    what: "the relay to close what clients left",
  });
  await until(
    async () => /^portcullis_relay_followers 0$/m.test(await (await fetch(`${management}/metrics`)).text()),
    {
      what: "the relay to forget the verifiers that have gone",
    },
  );
});

const sha256 = (bytes: Uint8Array): Uint8Array => createHash("sha256").update(bytes).digest();

/** Where the log ends: a stream that goes on from here is one that stays. */
async function newestCursor(endpoint: string, token: string): Promise<string> {
  const answer = await fetch(`${endpoint}/snapshot`, { headers: { authorization: `Bearer ${token}` } });
  const { header } = decodeSnapshot(new Uint8Array(await answer.arrayBuffer()), sha256);
  return `${header.incarnation}:${header.head}`;
}
