import assert from "node:assert/strict";
import test from "node:test";
import { endedSessionSchema, endedSessionsSchema, sessionListSchema } from "@portcullis/protocol";
import { signIn, verdictOf } from "../../auth-server/test/oidc/app.ts";
import { BOB } from "../../auth-server/test/oidc/server-under-test.ts";
import { LAPTOP, PHONE, signInOn } from "../../auth-server/test/sessions/session-api.ts";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("sessions are listed by whose and on what, shown, named, and ended one by one with a receipt", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.verifier("gateway-1");
  const phone = await signInOn(cli.server, PHONE);
  const laptop = await signInOn(cli.server, LAPTOP);
  await signInOn(cli.server, LAPTOP, { credentials: BOB });
  const { sid } = phone.claims;
  const mobile = await cli.run("sessions list --user ALICE --device-type mobile --json");
  assert.deepEqual(
    sessionListSchema.parse(JSON.parse(mobile.out)).items.map((item) => item.sid),
    [sid],
  );
  const table = (await cli.run("sessions list --user alice")).out.split("\n");
  assert.match(table[0]!, /^SID +USER +DEVICE +TYPE +ADDRESS +SIGNED IN +LAST SEEN +STATE$/);
  assert.equal(table.length, 4, table.join("\n"));
  assert.match(
    table.find((line) => line.startsWith(sid))!,
    / alice +Safari on iPhone +mobile +127\.0\.0\.1 .* active$/,
  );
  const named = await cli.run(["sessions", "rename", "--", sid, "Alice's phone"]);
  assert.equal(named.out, "The device is called Alice's phone.\n");
  const shown = (await cli.run(["sessions", "show", "--", sid])).out;
  assert.match(shown, /^user +alice$/m);
  assert.match(shown, /^device +Alice's phone$/m);
  assert.match(shown, /^state +active until /m);
  const unnamed = await cli.run(["sessions", "rename", "--", sid]);
  assert.equal(unnamed.out, "The device is called Safari on iPhone.\n");

  const dry = await cli.run(["sessions", "end", "--dry-run", "--", sid]);
  assert.match(
    dry.out,
    /^Nothing was changed\. It would end at most 1 session and .* of 1 user in 1 app\.\n$/,
  );
  assert.equal(verdictOf(cli.server, phone.access_token), "allow");
  const ended = await cli.run(["sessions", "end", "--note", "lost phone", "--", sid]);
  assert.deepEqual([ended.code, ended.err], [EXIT.ok, ""]);
  assert.match(ended.out, /^Ended: the session\.\nRevoked \(seq 1\)\. Enforced by 1 of 1/);
  assert.equal(verdictOf(cli.server, phone.access_token), "kicked");
  assert.equal(verdictOf(cli.server, laptop.access_token), "allow");
  const again = await cli.run(["--json", "sessions", "end", "--", sid]);
  assert.equal(endedSessionSchema.parse(JSON.parse(again.out)).changed, false);
  assert.match((await cli.run(["sessions", "show", "--", sid])).out, /^state +ended /m);
  const over = (await cli.run("sessions list --user alice --state over --json")).out;
  assert.deepEqual(
    sessionListSchema.parse(JSON.parse(over)).items.map((item) => item.sid),
    [sid],
  );
});

test("sessions of a user are ended but for one, and all, and say when that is not enforced yet", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1", applied: 0 });
  const devices = [await signInOn(cli.server, PHONE), await signInOn(cli.server, LAPTOP)] as const;
  const bob = await signInOn(cli.server, LAPTOP, { credentials: BOB });
  const verdicts = () => [...devices, bob].map((device) => verdictOf(cli.server, device.access_token));
  const kept = `--others=${devices[1].claims.sid}`;
  const others = await cli.run(["sessions", "end", "--user", "alice", "--wait", "0", kept]);
  assert.equal(others.code, EXIT.pending);
  assert.match(others.out, /^Ended: 1 session\.\nRevoked \(seq 1\)/);
  assert.deepEqual(verdicts(), ["kicked", "allow", "allow"]);
  const none = await cli.run("sessions end --user alice --device-type tv");
  assert.deepEqual([none.code, none.out], [EXIT.ok, "There was no such session to end.\n"]);
  const all = await cli.run("sessions end --user alice --all --wait 0 --json");
  assert.equal(all.code, EXIT.pending);
  assert.equal(endedSessionsSchema.parse(JSON.parse(all.out)).ended, 1);
  assert.deepEqual(verdicts(), ["kicked", "kicked", "allow"]);
});

test("what cannot be meant is an error that says what to do, and ends nothing", async (t) => {
  const cli = await cliUnderTest(t);
  const wrong: readonly (readonly [string, number, RegExp])[] = [
    ["sessions end", EXIT.usage, /found neither a sid nor --user/],
    ["sessions end abc --user alice", EXIT.usage, /give either a sid, or --user/],
    ["sessions end abc --all", EXIT.usage, /give either a sid, or --user/],
    ["sessions end --all", EXIT.usage, /found neither a sid nor --user/],
    ["sessions end --user alice", EXIT.usage, /found 0 of --all.*give exactly one/],
    ["sessions end --user alice --all --device-type tv", EXIT.usage, /found 2 of --all.*give exactly one/],
    ["sessions end --user alice --before soon", EXIT.usage, /2026-03-08T12:00:00Z/],
    ["sessions end --user alice --device-type toaster", EXIT.usage, /Allowed choices are desktop/],
    ["sessions end --user alice --others nothing", EXIT.error, /Found "nothing"/],
    ["sessions end --user nobody --all", EXIT.error, /Found "nobody"/],
    ["sessions show nothing", EXIT.error, /Found "nothing", and nobody has or had such a session/],
  ];
  for (const [command, exit, expected] of wrong) {
    const { code, out, err } = await cli.run(command);
    assert.deepEqual([code, out], [exit, ""], command);
    assert.match(err, expected, command);
  }
  assert.equal(cli.server.server.storage.log.head(), 0);
});

test("whoever has no username is shown by e-mail address", async (t) => {
  const cli = await cliUnderTest(t);
  const { claims } = await signIn(cli.server);
  assert.equal((await cli.run(["users", "update", "alice", "--username", ""])).code, EXIT.ok);
  assert.match((await cli.run("sessions list")).out, /^\S+ +alice@example\.com +/m);
  const { out } = await cli.run(["sessions", "show", "--", String(claims.sid)]);
  assert.match(out, /^user +alice@example\.com$/m);
});
