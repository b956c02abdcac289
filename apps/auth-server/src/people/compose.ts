import type { Clock, Log } from "@portcullis/protocol";
import type { Configuration } from "../config/load.ts";
import type { Storage } from "../storage/storage.ts";
import { compareWithFile } from "./compare-with-file.ts";
import { KnownPlaces } from "./known-places.ts";
import { seedUsers } from "./seed-users.ts";
import type { Users } from "./users.ts";

export interface People {
  readonly users: Users;
  readonly knownPlaces: KnownPlaces;
  /** Resolves once all that the file says of users was compared with what is stored. */
  readonly compared: Promise<void>;
  close(): Promise<void>;
}

export async function composePeople(options: {
  readonly configuration: Pick<Configuration, "users">;
  readonly users: Users;
  readonly storage: Storage;
  readonly operatorLog: Log;
  readonly clock: Clock;
}): Promise<People> {
  const { configuration, users, storage, operatorLog, clock } = options;
  const knownPlaces = new KnownPlaces({ storage, clock });
  await seedUsers({ users, storage, file: configuration.users, operatorLog });
  const { compared, close } = compareWithFile({ users, file: configuration.users, operatorLog });
  return { users, knownPlaces, compared, close };
}
