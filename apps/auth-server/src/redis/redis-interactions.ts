import { createHash } from "node:crypto";
import type { AdapterPayload } from "oidc-provider";
import type { InteractionCache } from "../oidc/index.ts";
import { seal, unseal } from "../secrets/seal.ts";
import type { RedisConnection } from "./connect-redis.ts";
import { redisError } from "./errors.ts";
import type { RedisDamage } from "./redis-damage.ts";
import { runScript, script } from "./run-script.ts";

export interface RedisInteractionsOptions {
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  /** The cookie keys: the first one seals, all are tried. */
  readonly secrets: readonly string[];
  readonly damage: Pick<RedisDamage, "found">;
  readonly randomBytes: (size: number) => Uint8Array;
}

/** A sign-in that is larger is kept in SQL: what we write is never out of bounds. */
const MAX_SIGN_IN_BYTES = 1024 * 1024;

/** Gives the text, "" when there is none, and 1 for what is none of ours: that is taken away, whatever its size. */
const READ = script(`
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'none' then return '' end
if kind == 'string' and redis.call('STRLEN', KEYS[1]) <= ${MAX_SIGN_IN_BYTES} then return redis.call('GET', KEYS[1]) end
redis.call('UNLINK', KEYS[1])
return 1
`);

/** Sealed under a secret that Redis does not have: who can write there must not choose where a code is sent to. */
export function redisInteractions(options: RedisInteractionsOptions): InteractionCache {
  const { redis, keyPrefix, secrets, damage, randomBytes } = options;
  const keyOf = (id: string) =>
    `${keyPrefix}:interaction:${createHash("sha256").update(`interaction ${id}`).digest("base64url")}`;
  const secretFor = (secret: string, id: string) => `interaction ${secret} ${id}`;
  return {
    async save(id, payload, ttlSeconds) {
      const sealed = seal(secretFor(secrets[0]!, id), JSON.stringify(payload), randomBytes);
      const text = Buffer.from(sealed).toString("base64url");
      if (text.length > MAX_SIGN_IN_BYTES) return false;
      const key = keyOf(id);
      return redis.call(key, "SET", key, text, "EX", String(ttlSeconds)).then(
        () => true,
        () => false,
      );
    },
    async find(id) {
      const key = keyOf(id);
      // One that cannot be looked up is not one that is gone: whoever signs in is to try again, and not to begin anew.
      const text = await runScript(redis, READ, { key, values: [] }).catch((cause: unknown) => {
        throw redisError("sign_ins_unavailable", { cause });
      });
      if (text === "") return undefined;
      const sealed = Buffer.from(String(text), "base64url");
      for (const secret of secrets) {
        const payload = payloadIn(secretFor(secret, id), sealed);
        if (payload !== undefined) return { ...payload, jti: id };
      }
      damage.found("sign_ins");
      return undefined;
    },
    async destroy(id) {
      const key = keyOf(id);
      await redis.call(key, "DEL", key).catch(() => undefined);
    },
  };
}

function payloadIn(secret: string, sealed: Buffer): AdapterPayload | undefined {
  try {
    return JSON.parse(unseal(secret, sealed));
  } catch {
    return undefined;
  }
}
