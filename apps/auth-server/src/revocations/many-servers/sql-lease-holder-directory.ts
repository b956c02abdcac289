import type { LeaseHolderDirectory } from "@portcullis/feed-server";
import type { Storage } from "../../storage/storage.ts";

/** The names of lease holders, in the table `replicas`. */
export function sqlLeaseHolderDirectory(storage: Storage): LeaseHolderDirectory {
  return {
    async all() {
      const rows = await storage.read.selectFrom("replicas").selectAll().execute();
      return rows.map(({ client_id: clientId, name, lease_ms: leaseMs, secret_hash }) => ({
        holder: { clientId, name },
        leaseMs,
        secretHash: secret_hash ?? undefined,
      }));
    },
    async enter({ holder, leaseMs, secretHash }) {
      await storage.write(async ({ db }) => {
        await db
          .insertInto("replicas")
          .values({
            client_id: holder.clientId,
            name: holder.name,
            lease_ms: leaseMs,
            secret_hash: secretHash ?? null,
          })
          .onConflict((conflict) =>
            conflict.columns(["client_id", "name"]).doUpdateSet(({ fn, ref, val }) => ({
              lease_ms: fn<number>(storage.dialect === "postgres" ? "greatest" : "max", [
                ref("replicas.lease_ms"),
                val(leaseMs),
              ]),
              secret_hash: secretHash ?? null,
            })),
          )
          .execute();
      });
    },
    async leave(gone) {
      await storage.write(async ({ db }) => {
        for (const { clientId, name } of gone()) {
          await db
            .deleteFrom("replicas")
            .where("client_id", "=", clientId)
            .where("name", "=", name)
            .execute();
        }
      });
    },
  };
}
