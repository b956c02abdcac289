export * from "./postgres.ts";
export * from "./redis.ts";
export * from "./redis-groups.ts";
