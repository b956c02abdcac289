import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { test } from "node:test";
import type { Caller } from "@portcullis/http-api";
import { FrozenClock } from "@portcullis/testing";
import { FeedStreams } from "../src/feed-streams.ts";

const CALLER = { clientId: "orders", expiresAt: 2e9, claims: {} } as unknown as Caller;

test("a verifier that left before its stream was opened is not counted as one", async (t) => {
  const response = await abandonedResponse(t);
  const streams = new FeedStreams({
    hub: { follow: async () => {} },
    local: { coordinatesOf: () => ({}), verdict: () => ({ outcome: "allow" }) } as never,
    clock: new FrozenClock(0),
    setTimer: () => () => {},
    streamsPerClient: 1,
  });
  await streams.open(response, { incarnation: "a", seq: 0 }, CALLER);
  streams.admit(CALLER);
});

/** Of a request whose client has gone while it was being authenticated. */
async function abandonedResponse(t: { after(work: () => void): void }): Promise<ServerResponse> {
  const server = createServer().listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
  client.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
  const [, response] = (await once(server, "request")) as [unknown, ServerResponse];
  const closed = once(response, "close");
  client.resetAndDestroy();
  await closed;
  return response;
}
