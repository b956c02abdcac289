/** The listener that the browser comes back to. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { exchange } from "@portcullis/testing/end-to-end";
import { openLoopback } from "../src/login/loopback.ts";

const PAGE = { title: "You are signed in", text: "Go back to the terminal." };

async function openedSocket(port: string, said: string): Promise<Socket> {
  const socket = connect(Number(port), "127.0.0.1");
  // It may be reset: that it ends is what counts.
  socket.on("error", () => {});
  await once(socket, "connect");
  if (said !== "") await new Promise((resolve) => socket.write(said, resolve));
  return socket;
}

test("an answer that comes again, as by a page that is reloaded, is told so, and the first one counts", async () => {
  const loopback = await openLoopback();
  const answering = loopback.answer(() => true);
  const first = exchange(`${loopback.redirectUri}?code=first`);
  const { url, show } = await answering;
  const again = await exchange(`${loopback.redirectUri}?code=again`);
  assert.deepEqual([again.status, url.searchParams.get("code")], [400, "first"]);
  assert.match(again.body, /has its answer already/);
  show(PAGE);
  assert.match((await first).body, /You are signed in/);
  loopback.close();
});

for (const [how, said] of [
  ["says nothing", ""],
  ["breaks off in the middle", "GET /callback?code=x HTTP/1.1\r\nHos"],
] as const) {
  test(`a connection that ${how} does not keep the command from ending, and the last page arrives all the same`, async () => {
    const loopback = await openLoopback();
    const { port } = new URL(loopback.redirectUri);
    const held = await openedSocket(port, said);
    const answering = loopback.answer(() => true);
    const first = exchange(`${loopback.redirectUri}?code=first`);
    (await answering).show(PAGE);
    const closed = once(held, "close");
    held.resume();
    loopback.close();
    assert.match((await first).body, /You are signed in/);
    await closed;
  });
}

test("a page that is never shown, since nobody waits any more, does not keep the command from ending", async () => {
  const loopback = await openLoopback();
  const answering = loopback.answer(() => true);
  const { port } = new URL(loopback.redirectUri);
  const held = await openedSocket(port, "GET /callback?code=x HTTP/1.1\r\nHost: here\r\n\r\n");
  await answering;
  const closed = once(held, "close");
  held.resume();
  loopback.close();
  await closed;
});
