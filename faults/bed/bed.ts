import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type PostgresServer,
  type RedisServer,
  startPostgres,
  startRedis,
} from "@portcullis/testing/servers";
import { type Addresses, chooseAddresses } from "./addresses.ts";
import { createBalancer } from "./balancer.ts";
import type { Ingredients } from "./configurations.ts";
import type { Part } from "./part.ts";
import { makeSecrets, type Secrets } from "./secrets.ts";
import { type AuthServer, createAuthServer, createGateway, type Gateway } from "./servers.ts";
import { SmallDisk } from "./small-disk.ts";
import { type LogInSql, openPostgresLog, openSqliteLog } from "./sql.ts";
import { removeAtExit } from "./undo.ts";
import { startUpstream } from "./upstream.ts";

export interface BedOptions {
  /** Kept; default: a folder that is removed at the end. */
  readonly logFolder?: string;
}

export type BedKind = "cluster" | "small-disk";

/** All that is under fault: the servers, and what they stand on. */
export interface Bed {
  readonly kind: BedKind;
  readonly folder: string;
  readonly addresses: Addresses;
  readonly secrets: Secrets;
  readonly authServers: readonly AuthServer[];
  readonly gateways: readonly Gateway[];
  readonly balancer: Part;
  /** The log as it is in SQL, read past the servers. */
  readonly sql: LogInSql;
  readonly postgres?: PostgresServer;
  readonly redis?: RedisServer;
  readonly disk?: SmallDisk;
  stop(): Promise<void>;
}

/** `cluster`: two authorization servers on PostgreSQL and Redis. `small-disk`: one, with SQLite on a disk of some MB. */
export async function startBed(kind: BedKind, { logFolder }: BedOptions = {}): Promise<Bed> {
  const folder = mkdtempSync(join(tmpdir(), "portcullis-faults-"));
  const removeFolder = removeAtExit(folder);
  const stops: Stops = [removeFolder];
  const stop = async (): Promise<void> => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    return { ...(await build({ kind, folder, logFolder: logFolder ?? folder, stops })), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

type Stops = (() => Promise<void> | void)[];

async function build(options: { kind: BedKind; folder: string; logFolder: string; stops: Stops }) {
  const { kind, folder, logFolder, stops } = options;
  const addresses = await chooseAddresses(kind === "cluster" ? 2 : 1);
  const common = { addresses, folder, logFolder, secrets: makeSecrets() };
  const ground = kind === "cluster" ? await clusterGround(stops) : smallDiskGround(folder, stops);
  const ingredients: Ingredients & { dataDirectory?: string } = { ...common, ...ground.ingredients };
  stops.push(await startUpstream(addresses.upstream));
  const authServers = addresses.authServers.map((_, at) => createAuthServer({ ...ingredients, at }));
  const balancer = createBalancer(ingredients);
  const gateways = addresses.gateways.map((_, at) =>
    createGateway({ ...ingredients, at, readsRedis: at === 1 }),
  );
  for (const part of [...authServers, balancer]) stops.push(() => part.stop());
  // One after the other: the first makes the tables.
  for (const part of [...authServers, balancer]) await part.start();
  for (const part of gateways) stops.push(() => part.stop());
  await Promise.all(gateways.map((gateway) => gateway.start()));
  return { kind, ...common, ...ground.servers, sql: ground.sql, authServers, gateways, balancer };
}

async function clusterGround(stops: Stops) {
  const postgres = await startPostgres();
  stops.push(() => postgres.stop());
  const redis = await startRedis();
  stops.push(() => redis.stop());
  stops.push(removeAtExit(postgres.dataFolder));
  const postgresUrl = await postgres.createDatabase();
  return {
    ingredients: { postgresUrl, redisPort: redis.port },
    servers: { postgres, redis },
    sql: openPostgresLog(postgresUrl),
  };
}

function smallDiskGround(folder: string, stops: Stops) {
  const disk = new SmallDisk(join(folder, "small-disk"));
  stops.push(() => disk.unmount());
  const dataDirectory = join(disk.path, "data");
  return {
    ingredients: { dataDirectory },
    servers: { disk },
    sql: openSqliteLog(join(dataDirectory, "auth-server.sqlite")),
  };
}
