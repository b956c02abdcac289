import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { exchange, PlainBrowser } from "@portcullis/testing/end-to-end";
import {
  begin,
  isEnd,
  machineToken,
  passPages,
  pressFirst,
  redeem,
  refresh,
  revokeToken,
  signIn,
} from "../app.ts";
import { ALICE, basicOf, type ServerUnderTest, startServer } from "../server-under-test.ts";

let server: ServerUnderTest;
before(async () => {
  server = await startServer();
});
after(() => server.stop());

describe("the operator's log", () => {
  it("holds no token, code, password, cookie or secret of a whole flow, errors included", async () => {
    const secrets: string[] = [ALICE.password, "a-wrong-password-1234567", basicOf("admin").slice(6)];
    const device = await signIn(server);
    const attempt = begin(server.issuer, { prompt: "consent" });
    const callback = await passPages(device.browser, attempt.url);
    secrets.push(callback.searchParams.get("code")!, attempt.verifier);
    await redeem(server.issuer, attempt, callback);
    await redeem(server.issuer, attempt, callback);
    const again = await signIn(server);
    await refresh(server.issuer, again.refresh_token);
    server.advance(15_001);
    await refresh(server.issuer, again.refresh_token);
    const api = await machineToken(server.issuer, "admin", `${server.issuer}/api`, "revocations.write");
    secrets.push(
      api,
      device.access_token,
      device.refresh_token,
      device.id_token,
      again.refresh_token,
      again.access_token,
    );
    await revokeToken(server.issuer, again.access_token);
    await exchange(`${server.issuer}/userinfo`, {
      headers: { authorization: `Bearer ${device.access_token}` },
    });
    await refresh(server.issuer, "a-refresh-token-that-never-was-0123456789");
    secrets.push("a-refresh-token-that-never-was-0123456789");

    const browser = new PlainBrowser();
    const page = await browser.open(begin(server.issuer).url, isEnd);
    for (const { headers } of page.trail) {
      for (const cookie of headers["set-cookie"] ?? []) secrets.push(cookie.split(";")[0]!.split("=")[1]!);
    }
    secrets.push(page.forms[0]!.fields.form!, page.url.pathname.split("/").at(-1)!);
    await pressFirst(browser, page, { ...ALICE, password: "a-wrong-password-1234567" });

    const log = server.log.join("");
    assert.ok(server.log.length > 20);
    for (const secret of secrets) {
      assert.ok(secret.length > 5);
      assert.ok(!log.includes(secret), `found ${secret.slice(0, 4)}… in the log`);
    }
    for (const line of server.log) assert.equal(typeof JSON.parse(line).event, "string");
  });
});
