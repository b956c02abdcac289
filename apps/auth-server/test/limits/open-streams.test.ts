import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { OpenStreams } from "../../src/limits/open-streams.ts";

const limits = { sessionStreams: 10, sessionStreamsPerAddress: 5 };
/** Each of another session, app and address, where the test does not say otherwise. */
function ownerOf(number: number, owner: { session?: string; client?: string; address?: string } = {}) {
  return { session: `s${number}`, client: `c${number}`, address: `192.0.2.${number}`, ...owner };
}

function fill(streams: OpenStreams, count: number, owner = {}): (() => void)[] {
  return Array.from({ length: count }, (_, number) => streams.take(ownerOf(number, owner)));
}

describe("places for streams", () => {
  it("are bounded for a client address, of IPv6 for a /64, and others have theirs", () => {
    const streams = new OpenStreams(limits, () => {});
    fill(streams, 5, { address: "2001:db8::1" });
    assert.throws(() => streams.take(ownerOf(20, { address: "2001:db8::2" })), {
      code: "too_many_session_streams",
    });
    streams.take(ownerOf(20, { address: "2001:db8:0:1::2" }));
  });

  it("are bounded for an app, which leaves some to the others", () => {
    const streams = new OpenStreams(limits, () => {});
    fill(streams, 9, { client: "web" });
    assert.throws(() => streams.take(ownerOf(20, { client: "web" })), { code: "too_many_session_streams" });
    streams.take(ownerOf(20));
  });

  it("are bounded in all", () => {
    let refused = 0;
    const streams = new OpenStreams(limits, () => void refused++);
    const [giveBack] = fill(streams, 10);
    assert.throws(() => streams.take(ownerOf(20)), { code: "session_streams_full" });
    assert.equal(refused, 1);
    giveBack!();
    streams.take(ownerOf(20));
  });

  it("are bounded for a session", () => {
    const streams = new OpenStreams({ sessionStreams: 100, sessionStreamsPerAddress: 100 }, () => {});
    fill(streams, 20, { session: "one" });
    assert.throws(() => streams.take(ownerOf(30, { session: "one" })), { code: "too_many_session_streams" });
  });

  it("are given back once, however often that is said", () => {
    const streams = new OpenStreams({ sessionStreams: 2, sessionStreamsPerAddress: 2 }, () => {});
    const [first] = fill(streams, 2);
    first!();
    first!();
    streams.take(ownerOf(3));
    assert.throws(() => streams.take(ownerOf(4)), { code: "session_streams_full" });
  });
});
