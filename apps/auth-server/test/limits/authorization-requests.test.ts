import assert from "node:assert/strict";
import { test } from "node:test";
import { startServer } from "../oidc/server-under-test.ts";

test("too many sign-ins from one address get 429 and when to come again; other requests do not", async (t) => {
  const server = await startServer({
    change: (document) => Object.assign(document, { limits: { authorizationRequestsPerMinute: 2 } }),
  });
  t.after(() => server.stop());
  const ask = () => fetch(`${server.issuer}/authorize?client_id=nobody`, { redirect: "manual" });
  const statuses = [(await ask()).status, (await ask()).status];
  assert.ok(!statuses.includes(429), String(statuses));
  const refused = await ask();
  assert.equal(refused.status, 429);
  const seconds = Number(refused.headers.get("retry-after"));
  assert.ok(seconds > 0 && seconds <= 60, String(seconds));
  assert.equal(((await refused.json()) as { error: string }).error, "too_many_sign_ins");
  assert.equal((await fetch(`${server.issuer}/jwks`)).status, 200);
});
