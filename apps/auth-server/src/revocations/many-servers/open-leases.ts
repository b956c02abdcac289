import { ExclusiveLeases, type LeaseBook, LeaseTable } from "@portcullis/feed-server";
import type { Clock, Log, SetTimer } from "@portcullis/protocol";
import type { Storage } from "../../storage/storage.ts";
import { type Bus, joinedBus, silentBus } from "./bus.ts";
import { followOtherServers } from "./follow-other-servers.ts";
import { postgresBus } from "./postgres-bus.ts";
import { SharedLeases } from "./shared-leases.ts";
import { sqlLeaseHolderDirectory } from "./sql-lease-holder-directory.ts";
import { sqlSharedDirectory } from "./sql-shared-directory.ts";

export interface OpenLeasesOptions {
  readonly storage: Storage;
  /** Another way than the database's to the other servers. */
  readonly bus?: Bus | undefined;
  readonly clock: Pick<Clock, "monotonicMs">;
  readonly setTimer: SetTimer;
  readonly operatorLog: Log;
}

export interface OpenedLeases {
  readonly leases: LeaseBook;
  close(): Promise<void>;
}

/** SQLite is one server's own; on PostgreSQL there may be others at any time. */
export async function openLeases(options: OpenLeasesOptions): Promise<OpenedLeases> {
  const { storage, clock, operatorLog } = options;
  if (storage.dialect === "postgres") return openShared(options);
  const table = new LeaseTable(clock);
  const leases = await ExclusiveLeases.open({
    table,
    directory: sqlLeaseHolderDirectory(storage),
    operatorLog,
  });
  return { leases, close: async () => undefined };
}

async function openShared(options: OpenLeasesOptions): Promise<OpenedLeases> {
  const { storage, clock, setTimer, operatorLog } = options;
  const { log, listen } = storage;
  const notified = listen === undefined ? silentBus : postgresBus(listen);
  const bus = options.bus === undefined ? notified : joinedBus(options.bus, notified);
  const stopFollowing = followOtherServers({ storage, bus, operatorLog });
  const leases = new SharedLeases({
    directory: sqlSharedDirectory(storage),
    bus,
    log,
    clock,
    setTimer,
    operatorLog,
  });
  const close = async () => {
    leases.close();
    stopFollowing();
    await bus.close();
  };
  try {
    await leases.open();
  } catch (error) {
    await close();
    throw error;
  }
  return { leases, close };
}
