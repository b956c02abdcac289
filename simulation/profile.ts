import type { LinkProfile } from "./world/link.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

/** What kind of world a seed is: slow or quick, calm or wild. Times in milliseconds. */
export interface Profile {
  readonly verifiers: number;
  readonly leaseMs: number;
  readonly link: LinkProfile;
  readonly diskMs: number;
  /** Mean time between two faults, revocations, requests, tokens. */
  readonly faultEveryMs: number;
  readonly revokeEveryMs: number;
  /** Where it does not, some tokens live to their own end: what a wrong clock is dangerous for. */
  readonly revokesBroadly: boolean;
  readonly requestEveryMs: number;
  readonly tokenEveryMs: number;
  /** Bytes that wait for one stream before the server cuts it. */
  readonly writableLimitBytes: number;
  /** How long there are faults; after that the world heals. */
  readonly turmoilMs: number;
}

export function profileFrom(random: SeededRandom): Profile {
  const isRough = random.chance(0.6);
  return {
    verifiers: random.pick([1, 2, 3]),
    leaseMs: random.pick([500, 1000, 2000, 5000, 5000]),
    link: {
      latencyMs: random.magnitude(0.02, 20),
      jitterMs: random.magnitude(0.02, 10),
      spikes: isRough ? random.magnitude(0.001, 0.05) : 0,
      loss: isRough ? random.magnitude(0.001, 0.1) : 0,
      repeats: isRough ? 0.02 : 0,
      mangles: random.chance(0.3) ? 0.05 : 0,
    },
    diskMs: random.magnitude(0.05, 50),
    faultEveryMs: random.magnitude(700, 6000),
    revokeEveryMs: random.magnitude(150, 1500),
    revokesBroadly: random.chance(0.6),
    requestEveryMs: 60,
    tokenEveryMs: 400,
    writableLimitBytes: random.pick([3000, 1024 * 1024]),
    turmoilMs: random.between(15_000, 45_000),
  };
}
