/** What every resource server must do with our access tokens. */
import assert from "node:assert/strict";
import {
  Administrator,
  bearer,
  exchange,
  RelyingParty,
  signIn,
  webClientOf,
} from "@portcullis/testing/end-to-end";
import { decodeProtectedHeader } from "jose";
import type { ServiceTrial, Step } from "./trials.ts";
import { CALLER, type World } from "./world.ts";

/** Goes through the steps one after the other, and tells each that has passed. */
export async function tryService(
  world: World,
  trial: ServiceTrial,
  passed: (step: Step) => void = () => undefined,
): Promise<void> {
  await world.start(trial);
  const { baseUrl } = world.appOf(trial);
  const ask = (token: string) => exchange(baseUrl, { headers: bearer(token) });
  const { accessToken, claims } = await tokenFor(world, trial.audience);
  const taken = await ask(accessToken);
  assert.equal(taken.status, 200, `${taken.headers["www-authenticate"]} ${taken.body}`);
  assert.equal(JSON.parse(taken.body).subject, claims.sub);
  passed("takes our token");
  const { accessToken: ofAnother } = await tokenFor(world, trial.another);
  const [header, payload] = accessToken.split(".");
  assert.equal((await ask([header, payload, ofAnother.split(".")[2]].join("."))).status, 401);
  assert.equal(decodeProtectedHeader(ofAnother).kid, decodeProtectedHeader(accessToken).kid);
  const refused = await ask(ofAnother);
  assert.equal(refused.status, 401, refused.body);
  passed("refuses another API's");
  if (trial.introspects === undefined) return;
  await new Administrator(world.stack.info).revoke({ scope: "session", key: claims.sid, reason: "kicked" });
  assert.equal((await ask(accessToken)).status, 401);
  passed("refused at once");
}

async function tokenFor({ stack: { info } }: World, resource: string) {
  const caller = { ...webClientOf(info), clientId: CALLER };
  const party = await RelyingParty.discover({ ...info, resource }, caller);
  return signIn(party, info.demo, { parameters: { scope: "openid orders.read" } });
}
