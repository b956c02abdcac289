import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { API_SCOPES } from "@portcullis/protocol";
import { createKeySpace, httpFeed } from "@portcullis/revocation";
import { createSharedReplica } from "@portcullis/revocation/threads";
import { FakeFeed, FakeIssuer, newIdentifier, TIME_LIMIT, VERIFIER } from "@portcullis/testing";

async function authorizationAt(issuer: string): Promise<string> {
  const form = (text: string) => new URLSearchParams({ "": text }).toString().slice(1);
  const basic = Buffer.from(`${form(VERIFIER.clientId)}:${form(VERIFIER.clientSecret)}`).toString("base64");
  const scope = API_SCOPES.readRevocations;
  const body = new URLSearchParams({ grant_type: "client_credentials", resource: `${issuer}/api`, scope });
  const headers = { authorization: `Basic ${basic}` };
  const response = await fetch(`${issuer}/token`, { method: "POST", headers, body });
  return `Bearer ${((await response.json()) as { access_token: string }).access_token}`;
}

test(
  "a thread guards with the replica of another: what was acknowledged is denied, and without a lease nothing is allowed",
  TIME_LIMIT,
  async () => {
    await using issuer = await FakeIssuer.start();
    const feed = new FakeFeed(issuer, createKeySpace);
    const authorization = () => authorizationAt(issuer.issuer);
    const http = httpFeed({ endpoint: `${issuer.issuer}/revocations`, authorization });
    const acknowledged = Promise.withResolvers<void>();
    const lease: typeof http.lease = async (request, signal) => {
      const answer = await http.lease(request, signal);
      if (request.applied === 1) acknowledged.resolve();
      return answer;
    };
    const replica = createSharedReplica({ feed: { ...http, lease }, name: "orders-1", leaseMs: 2000 });
    replica.start();
    const init = replica.attach();
    const workerData = { init, issuer: issuer.issuer, jwk: issuer.key.jwk };
    const worker = new Worker(new URL("./guard-thread.ts", import.meta.url), {
      workerData,
      transferList: [init.port],
    });
    const ask = async (token?: string): Promise<unknown> => {
      const answer = once(worker, "message");
      worker.postMessage(token);
      return (await answer)[0];
    };
    try {
      assert.deepEqual(await once(worker, "message"), ["ready"]);
      const [sid, other] = [newIdentifier(), newIdentifier()];
      assert.equal(await ask(issuer.mint({ sid })), "allow");
      assert.equal(await ask(issuer.mint({ sid: other })), "allow");
      feed.revoke({ scope: "session", key: sid, reason: "logged_out" });
      await acknowledged.promise;
      assert.deepEqual([await ask(issuer.mint({ sid })), await ask()], ["killed", ["killed", "allow"]]);
      await replica.close();
      assert.equal(await ask(issuer.mint()), "replica_not_ready");
      assert.deepEqual(await ask(), ["killed", "replica_not_ready"]);
    } finally {
      await worker.terminate();
      await replica.close();
    }
  },
);
