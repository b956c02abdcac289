import { encodeRecords } from "@portcullis/protocol";
import { RevocationIndex } from "@portcullis/revocation";
import { LIFETIME_SECONDS, SKEW_SECONDS, START_SECONDS } from "../memory-log.ts";
import { identifierOf } from "./tokens.ts";

/** An index in shared memory, whose time is moved by hand. */
export function sharedIndex() {
  const clock = { seconds: START_SECONDS };
  const index = new RevocationIndex({
    tokenLifetimeSeconds: LIFETIME_SECONDS,
    clockSkewSeconds: SKEW_SECONDS,
    clock: { wallMs: () => clock.seconds * 1000, monotonicMs: () => clock.seconds * 1000 },
    shared: true,
  });
  const apply = (value: number) =>
    index.applyEncoded(
      encodeRecords([
        {
          seq: value,
          scope: "session",
          mode: "kill",
          reason: "kicked",
          key: identifierOf(value),
          revokedAt: START_SECONDS,
          expiresAt: START_SECONDS + LIFETIME_SECONDS + SKEW_SECONDS,
        },
      ]),
    );
  return { index, apply, clock };
}
