import type { Fault } from "../rounds/fault.ts";

const FULL_MS = 4000;
const RESERVE_MS = 4500;

export const diskFull: Fault = {
  name: "disk-full",
  title: "Disk full 4 s (SQLite on a small tmpfs)",
  expected:
    "Revoking goes on, on the reserve; what is not stored is not acknowledged; existing tokens verify on.",
  bed: "small-disk",
  needsRoot: true,
  async strike({ bed: { disk }, hold }) {
    disk!.fill();
    await hold(FULL_MS).finally(() => disk!.free());
    // Sign-ins are refused until the reserve is made anew.
    await hold(RESERVE_MS);
  },
};
