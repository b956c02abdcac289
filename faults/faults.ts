/** All faults, in the order of the table in docs/operations/faults.md. To add one: a file in causes/ and a line here. */
import { authServerKilled, authServerPaused, killedAfterCommit } from "./causes/auth-server.ts";
import { authServerClocks, gatewayClocks } from "./causes/clocks.ts";
import { diskFull } from "./causes/disk-full.ts";
import { gatewayPartitioned, gatewayPaused } from "./causes/gateway.ts";
import { postgresKilled, postgresRestarted } from "./causes/postgres.ts";
import { redisFlushed, redisKilled, redisPaused, redisRolledBack } from "./causes/redis.ts";
import type { Fault } from "./rounds/fault.ts";

export const FAULTS: readonly Fault[] = [
  redisKilled,
  redisFlushed,
  redisRolledBack,
  redisPaused,
  postgresRestarted,
  postgresKilled,
  authServerKilled,
  killedAfterCommit,
  authServerPaused,
  gatewayPartitioned,
  gatewayPaused,
  ...authServerClocks,
  ...gatewayClocks,
  diskFull,
];
