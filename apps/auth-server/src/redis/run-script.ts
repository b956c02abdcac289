import { createHash } from "node:crypto";
import type { RedisConnection } from "./connect-redis.ts";
import type { RedisWord } from "./redis-client.ts";

export interface Script {
  readonly text: string;
  readonly sha1: string;
}

export function script(text: string): Script {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** On one key, so that it runs on a Cluster, too. Sent in full when Redis does not know it: it was started anew. */
export async function runScript(
  redis: RedisConnection,
  { text, sha1 }: Script,
  { key, values }: { readonly key: string; readonly values: readonly RedisWord[] },
): Promise<unknown> {
  try {
    return await redis.call(key, "EVALSHA", sha1, "1", key, ...values);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith("NOSCRIPT"))) throw error;
    return redis.call(key, "EVAL", text, "1", key, ...values);
  }
}
