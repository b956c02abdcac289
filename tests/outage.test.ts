import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import {
  Administrator,
  assertEverywhere,
  assertRefused,
  bearer,
  type Exchange,
  exchange,
  holdsFor,
  json,
  RelyingParty,
  type Stack,
  signIn,
  startStack,
  until,
} from "@portcullis/testing/end-to-end";

/** The orders route's `maxAge`, and the verifiers' lease. */
const MAX_AGE_MS = 5_000;

describe("with the authorization server gone", () => {
  let stack: Stack;
  let party: RelyingParty;

  before(async () => {
    stack = await startStack();
    party = await RelyingParty.discover(stack.info);
  });
  after(() => stack.stop());

  for (const signal of ["SIGKILL", "SIGTERM"] as const) {
    it(`serves within maxAge, then 503 or a counted allow, and heals by itself (${signal})`, async () => {
      const admin = new Administrator(stack.info);
      const [revoked, good] = [await signIn(party, stack.info.demo), await signIn(party, stack.info.demo)];
      await admin.revoke({ scope: "session", key: revoked.claims.sid, reason: "kicked" });
      await assertEverywhere(stack, good.accessToken, 200);
      const unconfirmed = await unconfirmedAllows();

      const leavesAt = performance.now();
      await stack.kill("authServer", signal);
      const goneAt = performance.now();
      await Promise.all(
        [...ways(), stack.info.service + stack.info.routes.open].map(stillServes(good.accessToken)),
      );
      await Promise.all(ways().map((url) => servesUntilTooOld(url, good.accessToken, { leavesAt, goneAt })));

      await holdsFor(
        1_000,
        () => callEvery(ways(), good.accessToken),
        (answers) => answers.every(({ status }) => status === 503),
      );
      await assertEverywhere(stack, revoked.accessToken, 401, "kicked");
      assert.equal((await openRoute(good.accessToken)).status, 200);
      assertRefused(await openRoute(revoked.accessToken), "kicked");
      assert.ok((await unconfirmedAllows()) > unconfirmed, "the open route's allow is counted");

      await stack.start("authServer");
      for (const url of ways()) {
        await until(async () => (await call(url, good.accessToken)).status === 200, {
          what: `${url} to serve again`,
        });
      }
      await assertEverywhere(stack, revoked.accessToken, 401, "kicked");
      const { receipt } = await admin.revoke({
        scope: "session",
        key: good.claims.sid,
        reason: "logged_out",
      });
      assert.equal(receipt.state, "enforced");
      await assertEverywhere(stack, good.accessToken, 401, "logged_out");
      await assertEverywhere(stack, (await signIn(party, stack.info.demo)).accessToken, 200);
    });
  }

  const ways = () => Object.values(stack.ways());
  const openRoute = (token: string) => call(stack.info.gateway + stack.info.routes.open, token);

  async function unconfirmedAllows(): Promise<number> {
    const status = json<{ decisions: { unconfirmed: number } }>(await exchange(`${stack.management}/status`));
    return status.decisions.unconfirmed;
  }
});

const call = (url: string, token: string) => exchange(url, { headers: bearer(token), timeoutMs: 20_000 });
const callEvery = (urls: readonly string[], token: string) =>
  Promise.all(urls.map((url) => call(url, token)));

const stillServes = (token: string) => async (url: string) => {
  const answer = await call(url, token);
  assert.equal(answer.status, 200, `${url} right after: ${answer.body}`);
};

/**
 * 200, 200 ... then 503 with Retry-After, not later than the lease and the route allow, and not much earlier. Each bound is measured so
 * that a test which the machine keeps waiting fails neither: by when the last 200 was asked for, and by when the first 503 was there.
 */
async function servesUntilTooOld(
  url: string,
  token: string,
  { leavesAt, goneAt }: { readonly leavesAt: number; readonly goneAt: number },
): Promise<void> {
  let lastServedAt = goneAt;
  const first = await until<Exchange>(
    async () => {
      const answer = await call(url, token);
      if (answer.status === 200) lastServedAt = answer.sentAt;
      return answer.status !== 200 && answer;
    },
    { what: `${url} to refuse` },
  );
  assert.equal(first.status, 503, first.body);
  assert.equal(json(first).error, "temporarily_unavailable");
  assert.match(String(first.headers["retry-after"]), /^[1-9]\d*$/);
  const servedMs = lastServedAt - goneAt;
  assert.ok(servedMs < MAX_AGE_MS + 200, `served for ${servedMs} ms`);
  const afterMs = first.answeredAt - leavesAt;
  assert.ok(afterMs > MAX_AGE_MS / 2, `gave up after ${afterMs} ms`);
}
