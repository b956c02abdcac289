import type { Log } from "@portcullis/protocol";
import { countDeleted } from "../storage/count-deleted.ts";
import { RowCap } from "../storage/space/row-cap.ts";
import type { Storage } from "../storage/storage.ts";

/** Rows are small (some 150 bytes), and each is a guess that is remembered: there may be more than of other kinds. */
const MAX_ATTEMPTS = 500_000;

/**
 * The storage, for what is counted before a password was right: bounded, and given up first when space runs out. The
 * counts that were not touched for longest make way: to have one of these forgotten, somebody must fill the table with
 * names and addresses within the time that the block lasts.
 */
export function boundedAttempts(options: {
  readonly storage: Storage;
  readonly operatorLog: Log;
  readonly most?: number;
}): Pick<Storage, "read" | "write"> {
  const { storage, operatorLog, most = MAX_ATTEMPTS } = options;
  const cap = new RowCap({
    storage,
    rows: "sign_in_attempts",
    most,
    operatorLog,
    async count(db, limit) {
      const some = db.selectFrom("sign_in_attempts").select("updated_at").limit(limit).as("some");
      const { count } = await db
        .selectFrom(some)
        .select((eb) => eb.fn.countAll().as("count"))
        .executeTakeFirstOrThrow();
      return Number(count);
    },
    async removeOldest({ db, lockRows }, limit) {
      const oldest = db.selectFrom("sign_in_attempts").select("key_hash").orderBy("updated_at").limit(limit);
      const keys = (await lockRows(oldest).execute()).map(({ key_hash }) => key_hash);
      if (keys.length === 0) return 0;
      return countDeleted(db.deleteFrom("sign_in_attempts").where("key_hash", "in", keys));
    },
  });
  return {
    read: storage.read,
    async write(work) {
      await cap.makeWay();
      return storage.write(work, { onBehalfOf: "stranger" });
    },
  };
}
