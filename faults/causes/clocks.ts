import type { Bed } from "../bed/bed.ts";
import type { Part } from "../bed/part.ts";
import { WrongClock } from "../bed/wrong-clock.ts";
import type { Fault } from "../rounds/fault.ts";

const HOUR = 3600;
const DAY = 86_400;
const WRONG_MS = 4000;
const RIGHT_AGAIN_MS = 1000;

const clocks = new WeakMap<Bed, WrongClock>();

interface Jump {
  readonly words: string;
  readonly seconds: number;
}
const JUMPS: Readonly<Record<string, Jump>> = {
  "hour-ahead": { words: "an hour ahead", seconds: HOUR },
  "hour-back": { words: "an hour back", seconds: -HOUR },
  "day-ahead": { words: "a day ahead", seconds: DAY },
  "day-back": { words: "a day back", seconds: -DAY },
};

const ON_SERVER = {
  expected: "Nothing is forgotten or taken for newer: order is by seq, and leases are monotonic.",
  partOf: (bed: Bed): Part => bed.authServers[0]!,
  allowances: () => ({ ignoreEnforcedBy: true }),
};

const ON_GATEWAY = {
  expected: "What was revoked stays refused, also when the clock is right again.",
  partOf: (bed: Bed): Part => bed.gateways[0]!,
  allowances: ({ bed }: { bed: Bed }) => ({ wrongClockAt: bed.gateways[0]!.name }),
};

export const authServerClocks = Object.entries(JUMPS).map(([name, jump]) =>
  wrongClock(`auth-server-${name}`, "one authorization server", jump, ON_SERVER),
);
export const gatewayClocks = Object.entries(JUMPS).map(([name, jump]) =>
  wrongClock(`gateway-${name}`, "one gateway", jump, ON_GATEWAY),
);

function wrongClock(
  name: string,
  where: string,
  { words, seconds }: Jump,
  { expected, partOf, allowances }: typeof ON_SERVER | typeof ON_GATEWAY,
): Fault {
  return {
    name,
    title: `Clock of ${where} ${words} for 4 s`,
    expected,
    bed: "cluster",
    allowances,
    async prepare(bed) {
      const clock = new WrongClock(partOf(bed), bed.folder);
      clocks.set(bed, clock);
      return clock.install();
    },
    async strike({ bed, hold }) {
      const clock = clocks.get(bed)!;
      clock.moveBy(seconds);
      await hold(WRONG_MS).finally(() => clock.moveBy(0));
      await hold(RIGHT_AGAIN_MS);
    },
  };
}
