/** Appends for ever to the file that it is given, and prints every seq that it was told is stored. */
import { writeSync } from "node:fs";
import { openStorage } from "../../src/storage/open-storage.ts";
import { draft, storageOptions } from "./temporary-storage.ts";

const storage = await openStorage(storageOptions(process.argv[2]!));
const append = async (name: number): Promise<never> => {
  for (let index = 0; ; index++) {
    const { seq } = await storage.write((transaction) => transaction.append([draft(`${name}-${index}`)]));
    writeSync(1, `${seq}\n`);
  }
};
await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map(append));
