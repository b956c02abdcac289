/** What every resource server must do with our access tokens. */
import assert from "node:assert/strict";
import {
  bearer,
  clientCredentials,
  exchange,
  RelyingParty,
  signIn,
  webClientOf,
} from "@portcullis/testing/end-to-end";
import type { ServiceTrial, Step } from "./trials.ts";
import { CALLER, type World } from "./world.ts";

/** Goes through the steps one after the other, and tells each that has passed. */
export async function tryService(
  world: World,
  trial: ServiceTrial,
  passed: (step: Step) => void = () => undefined,
): Promise<void> {
  await world.start(trial);
  const { info } = world.stack;
  const { baseUrl } = world.appOf(trial);
  const party = await RelyingParty.discover(
    { ...info, resource: trial.audience },
    { ...webClientOf(info), clientId: CALLER },
  );
  const parameters = { scope: "openid orders.read" };
  const { accessToken, claims } = await signIn(party, info.demo, { parameters });
  const taken = await exchange(baseUrl, { headers: bearer(accessToken) });
  assert.equal(taken.status, 200, taken.body);
  assert.equal(JSON.parse(taken.body).subject, claims.sub);
  passed("takes our token");
  const ofAnotherApi = await clientCredentials(info, info.clients.admin);
  for (const token of [ofAnotherApi, accessToken.slice(0, -4)]) {
    const refused = await exchange(baseUrl, { headers: bearer(token) });
    assert.equal(refused.status, 401, refused.body);
  }
  passed("refuses another API's");
}
