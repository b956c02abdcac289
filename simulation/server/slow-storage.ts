import { PortcullisError } from "@portcullis/protocol";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import type { Write } from "../../apps/auth-server/src/storage/write-transaction.ts";
import type { Process } from "../world/process.ts";
import type { SeededRandom } from "../world/seeded-random.ts";

export interface Disk {
  /** Mean wait before and after a commit, ms. */
  delayMs: number;
}

/**
 * The real storage on a disk that takes its time, in a process that may die. A unit that was not committed when
 * the process died is rolled back, and what was committed stays although nobody was told.
 */
export function slowStorage(
  storage: Storage,
  options: { readonly process: Process; readonly disk: Disk; readonly random: SeededRandom },
): Storage {
  const { process, disk, random } = options;
  const wait = (what: string) => process.sleep(random.exponential(disk.delayMs), what);
  const write: Write = async (work) => {
    await wait("waits for the disk");
    const value = await storage.write(async (transaction) => {
      const result = await work(transaction);
      if (process.isDead) throw new PortcullisError({ code: "killed", status: 503, text: "Killed." });
      return result;
    });
    await wait("hears of the commit");
    return value;
  };
  return { ...storage, write };
}
