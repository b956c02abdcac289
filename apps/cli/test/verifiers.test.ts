import assert from "node:assert/strict";
import test from "node:test";
import { verifierListSchema } from "@portcullis/protocol";
import { EXIT } from "../src/index.ts";
import { cliUnderTest } from "./cli-under-test.ts";

test("verifiers are listed with how far each has got", async (t) => {
  const cli = await cliUnderTest(t);
  assert.match((await cli.run("verifiers")).out, /No verifier holds a lease/);
  await cli.run("revoke subject alice");
  const { replica } = await cli.verifier("gateway-1");
  await cli.lease({ replica: "gateway-2", applied: 0 });
  const { code, out } = await cli.run("verifiers");
  assert.equal(code, EXIT.ok);
  assert.match(out, /^NAME +CLIENT +FROM +STATE +APPLIED +BEHIND +AGE +LEASE +AGREES$/m);
  assert.match(out, /^gateway-1-[0-9a-f]{8} +orders +\S+ +live +1 +0 +[\d.]+ m?s +20\.0 s/m);
  assert.match(out, /^gateway-2 +orders +\S+ +behind +0 +1 +[\d.]+ m?s +20\.0 s/m);
  assert.match(out, /^1 of 2 verifiers are live: up to date with seq 1, the end of the log\.$/m);
  const list = verifierListSchema.parse(JSON.parse((await cli.run("verifiers --json")).out));
  assert.deepEqual(list.verifiers.map(({ name, behind }) => [name, behind]).sort(), [
    [replica.name, 0],
    ["gateway-2", 1],
  ]);
});

test("a verifier whose clock is off is named, with how far it is off", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1", clock: { offsetMs: -320_400, isOff: true } });
  await cli.lease({ replica: "gateway-2", clock: { offsetMs: -12, isOff: false } });
  const { out } = await cli.run("verifiers");
  assert.match(out, /^gateway-1 +orders +\S+ +clock off /m);
  assert.match(out, /^gateway-2 +orders +\S+ +live /m);
  assert.match(
    out,
    /^gateway-1: its clock is 5 min behind the issuer's\. It refuses every request until its clock is corrected\.$/m,
  );
  assert.doesNotMatch(out, /^gateway-2: /m);
  const list = verifierListSchema.parse(JSON.parse((await cli.run("verifiers --json")).out));
  assert.deepEqual(list.verifiers.find(({ name }) => name === "gateway-1")?.clock, {
    offsetMs: -320_400,
    isOff: true,
  });
});

test("a verifier is suspended, listed as suspended, and resumed", async (t) => {
  const cli = await cliUnderTest(t);
  const none = await cli.run("verifiers suspend gateway-1 --client orders");
  assert.equal(none.code, EXIT.error);
  assert.match(none.err, /No verifier of this client and name holds a lease/);
  await cli.lease({ replica: "gateway-1" });
  const { code, out } = await cli.run("verifiers suspend gateway-1 --client orders --note hangs");
  assert.equal(code, EXIT.ok);
  assert.match(out, /^Suspended: gateway-1 of orders\. Its lease ends at .+\.\n$/);
  const listed = await cli.run("verifiers list");
  assert.match(listed.out, /^gateway-1 of orders is suspended since .* by .*: hangs\. It gets no lease\.$/m);
  const again = await cli.run("verifiers suspend gateway-1 --client orders");
  assert.match(again.out, /^It was suspended already: gateway-1 of orders\./);
  const resumed = await cli.run("verifiers resume gateway-1 --client orders");
  assert.deepEqual([resumed.code, resumed.out], [EXIT.ok, "Resumed: gateway-1 of orders.\n"]);
  await cli.lease({ replica: "gateway-1" });
  assert.match(
    (await cli.run("verifiers resume gateway-1 --client orders")).out,
    /^It was not suspended: gateway-1 of orders\.\n$/,
  );
});

test("watching draws the table anew until it is stopped, through a restart of the server", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1" });
  const stop = new AbortController();
  let drawn = 0;
  let isAway = false;
  const { code, out, err } = await cli.run("verifiers --watch", {
    isTerminal: true,
    signal: stop.signal,
    fetch: async (...request) => {
      if (isAway) throw new TypeError("fetch failed");
      return fetch(...request);
    },
    delay: async () => {
      drawn++;
      isAway = drawn === 2;
      if (drawn === 4) stop.abort();
    },
  });
  assert.equal(code, EXIT.ok);
  assert.match(err, /cannot be asked: fetch failed/);
  assert.equal(out.split("\u001b[H").length - 1, 3);
});

test("machines that watch are given a line at a time", async (t) => {
  const cli = await cliUnderTest(t);
  const stop = new AbortController();
  const { out } = await cli.run("verifiers --watch --json", {
    signal: stop.signal,
    delay: async () => stop.abort(),
  });
  assert.equal(verifierListSchema.parse(JSON.parse(out.split("\n")[0]!)).head, 0);
});

test("colour is for a terminal whose person has not said no", async (t) => {
  const cli = await cliUnderTest(t);
  await cli.lease({ replica: "gateway-1" });
  const isColoured = async (args: string, options = {}) =>
    (await cli.run(args, options)).out.includes("\u001b[3");
  assert.equal(await isColoured("verifiers", { isTerminal: true }), true);
  assert.equal(await isColoured("verifiers"), false);
  assert.equal(await isColoured("verifiers --no-color", { isTerminal: true }), false);
  const env = { ...cli.env, NO_COLOR: "1" };
  assert.equal(await isColoured("verifiers", { isTerminal: true, env }), false);
});
