import { after } from "node:test";
import { startPostgres } from "@portcullis/testing/servers";
import { storageConformance } from "./conformance.ts";
import { closingStorages, storageOptions } from "./temporary-storage.ts";

const postgres = await startPostgres({ fsync: false });
after(() => postgres.stop());

storageConformance(async (t, options) => {
  const database = { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 } as const;
  return { open: closingStorages(t, { ...storageOptions("unused"), ...options, database }) };
});
