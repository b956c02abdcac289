/** A thread of a service: a guard on the view of another thread's replica. */
import { parentPort, workerData } from "node:worker_threads";
import { localKeySource } from "@portcullis/access-token";
import { attachToReplica } from "@portcullis/revocation/threads";
import { AUDIENCE } from "@portcullis/testing";
import { createGuard, type Decision } from "../src/index.ts";

const { init, issuer, jwk } = workerData;
const revocations = attachToReplica(init);
const guard = createGuard({
  issuer,
  audience: AUDIENCE,
  keys: localKeySource({ keys: [jwk] }),
  revocations,
});
const kept: Decision[] = [];

/** A token is judged; `undefined` asks for what became of all that was allowed. */
parentPort!.on("message", async (token: string | undefined) => {
  if (token === undefined) {
    parentPort!.postMessage(kept.map((decision) => said(again(decision))));
    return;
  }
  const decision = await guard.authenticate(`Bearer ${token}`);
  if (decision.outcome === "allow") kept.push(decision);
  parentPort!.postMessage(said(decision));
});
await revocations.whenReady();
parentPort!.postMessage("ready");

const again = (decision: Decision): Decision =>
  decision.outcome === "allow" ? decision.recheck() : decision;

const said = (decision: Decision): string =>
  decision.outcome === "deny" ? decision.code : decision.unconfirmed ? "unconfirmed" : "allow";
