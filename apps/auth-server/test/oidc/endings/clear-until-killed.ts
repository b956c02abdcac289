/** Ends an app with as many grants as it is told, in the file that it is given, and prints a line for each step of clearing. It waits between. */
import { writeSync } from "node:fs";
import { silentLog, systemClock } from "@portcullis/protocol";
import { ClearEndings } from "../../../src/oidc/endings/clear-endings.ts";
import { lineageIn } from "../../../src/oidc/endings/lineage.ts";
import { openStorage } from "../../../src/storage/open-storage.ts";
import type { Storage } from "../../../src/storage/storage.ts";
import { storageOptions } from "../../storage/temporary-storage.ts";
import { seedGrants } from "./seed-grants.ts";

const storage = await openStorage(storageOptions(process.argv[2]!));
await seedGrants(storage, { clientId: "web", grants: Number(process.argv[3]) });
await storage.write(async (transaction) => {
  await lineageIn(transaction, systemClock).endClient("web");
  transaction.append([{ scope: "client", key: "web", mode: "kill", reason: "revoked" }]);
});
let steps = 0;
const write: Storage["write"] = async (work, options) => {
  const done = await storage.write(work, options);
  writeSync(1, `${++steps}\n`);
  // Whoever reads has had the line by then, or never will: it is killed here.
  if (steps > 2) await new Promise((resolve) => setTimeout(resolve, 60_000));
  return done;
};
await new ClearEndings({
  storage: { read: storage.read, write, dialect: storage.dialect },
  clock: systemClock,
  operatorLog: silentLog,
}).clear();
