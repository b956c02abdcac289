export * from "./redis.ts";
export * from "./redis-groups.ts";
export * from "./postgres.ts";
