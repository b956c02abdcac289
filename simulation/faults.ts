import type { ServerMachine } from "./server/server-machine.ts";
import type { Disk } from "./server/slow-storage.ts";
import type { VerifierMachine } from "./verifier-machine.ts";
import type { NodeClock } from "./world/node-clock.ts";
import type { Schedule } from "./world/schedule.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

export interface Surroundings {
  readonly schedule: Schedule;
  readonly random: SeededRandom;
  readonly server: ServerMachine;
  readonly serverClock: NodeClock;
  readonly verifiers: readonly VerifierMachine[];
  readonly disk: Disk;
  readonly note: (line: string) => void;
}

type Fault = (world: Surroundings) => void;

/** What may go wrong; the number says how often compared with the others. */
const FAULTS: readonly (readonly [name: string, weight: number, fault: Fault])[] = [
  ["a partition without a reset", 4, partition],
  ["connections are reset", 2, ({ random, verifiers }) => random.pick(verifiers).options.link.cutAll()],
  ["a verifier crashes", 2, crashVerifier],
  ["a verifier is stopped and started", 1, ({ random, verifiers }) => random.pick(verifiers).stop()],
  ["a verifier is paused", 2, pauseVerifier],
  ["the server crashes", 2, crashServer],
  ["the server is paused", 1, pauseServer],
  ["a wall clock is set wrong", 3, setClock],
  ["the disk is slow", 1, slowDisk],
  ["tokens live longer from the next start on", 0.3, lengthenTokens],
];

export function causeFault(world: Surroundings): void {
  const total = FAULTS.reduce((sum, [, weight]) => sum + weight, 0);
  let at = world.random.between(0, total);
  for (const [name, weight, fault] of FAULTS) {
    at -= weight;
    if (at > 0) continue;
    world.note(name);
    fault(world);
    return;
  }
}

/** Everything that can be mended is: after this the world has to come right by itself. */
export function heal({ server, serverClock, verifiers, disk, schedule }: Surroundings): void {
  disk.delayMs = 0.1;
  serverClock.setForward(0);
  if (server.life === undefined) server.startAfter(0);
  else server.life.process.pausedUntil = schedule.now;
  for (const machine of verifiers) {
    machine.options.link.heal();
    machine.options.clock.setForward(0);
    if (machine.life === undefined) machine.startAfter(0);
    else machine.life.end.process.pausedUntil = schedule.now;
  }
}

function partition({ random, verifiers }: Surroundings): void {
  const directions = random.pick([["up", "down"], ["up", "down"], ["up"], ["down"]] as const);
  random.pick(verifiers).options.link.partition(directions, random.magnitude(100, 30_000));
}

function crashVerifier({ random, verifiers }: Surroundings): void {
  const machine = random.pick(verifiers);
  machine.crash(random.chance(0.3));
  machine.startAfter(random.magnitude(50, 8000));
}

function pauseVerifier({ random, verifiers, schedule }: Surroundings): void {
  const { life } = random.pick(verifiers);
  if (life !== undefined) life.end.process.pausedUntil = schedule.now + random.magnitude(50, 12_000);
}

function crashServer({ random, server }: Surroundings): void {
  server.crash();
  server.startAfter(random.magnitude(20, 8000));
}

function pauseServer({ random, server, schedule }: Surroundings): void {
  if (server.life !== undefined) server.life.process.pausedUntil = schedule.now + random.magnitude(20, 6000);
}

/** Far off, off by more than the skew while tokens of a moment ago look alive, and within it. */
const JUMPS_MS = [
  ...[-86_400_000, -3_600_000, 3_600_000, 86_400_000],
  ...[-30_000, -20_000, -8000, 8000, 30_000],
  ...[-2000, 2000],
];

/** For a while. */
function setClock({ random, serverClock, verifiers, schedule, server }: Surroundings): void {
  const jump = random.pick(JUMPS_MS);
  const clocks = [serverClock, ...verifiers.map(({ options }) => options.clock)];
  // One machine, or all of them: they ask the same time server.
  const wrong = random.chance(0.25) ? clocks : [random.pick(clocks)];
  if (server.life === undefined) return;
  for (const clock of wrong) clock.setForward(jump);
  const right = () => {
    for (const clock of wrong) clock.setForward(0);
  };
  schedule.plan({
    at: schedule.now + random.magnitude(500, 15_000),
    what: "clocks are set right",
    work: right,
  });
}

function slowDisk({ random, disk, schedule }: Surroundings): void {
  const { delayMs } = disk;
  disk.delayMs = random.magnitude(50, 1000);
  const quick = () => {
    disk.delayMs = delayMs;
  };
  schedule.plan({ at: schedule.now + random.magnitude(200, 5000), what: "the disk is quick", work: quick });
}

function lengthenTokens({ server }: Surroundings): void {
  server.lengthenTokens();
  server.crash();
  server.startAfter(50);
}
