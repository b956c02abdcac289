import { createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { type Bus, type BusMessage, parseBusMessage } from "../revocations/index.ts";
import type { RedisConnection } from "./connect-redis.ts";
import type { RedisDamage } from "./redis-damage.ts";

export interface RedisBusOptions {
  readonly redis: RedisConnection;
  readonly keyPrefix: string;
  /** Which all servers on one database have, and Redis does not: the cookie keys, the first one signs. */
  readonly secrets: readonly string[];
  readonly damage: Pick<RedisDamage, "found">;
}

const envelopeSchema = z.object({ text: z.string(), mac: z.string() });

const LONGEST_MESSAGE = 2 * 1024 * 1024;

/**
 * Servers tell each other over a channel of Redis. A receipt rests on what is acknowledged, and others than our servers
 * may be able to publish there: what has no code made with a secret out of SQL is ignored. A message that is sent again
 * later says what was true of that name and incarnation when it was made; what a verifier has applied only grows, and
 * one that starts anew under the same name begins with a snapshot that holds it.
 */
export function redisBus({ redis, keyPrefix, secrets, damage }: RedisBusOptions): Bus {
  const channel = `${keyPrefix}:bus`;
  const keys = secrets.map((secret) => keyOf(secret, channel));
  const listeners = new Set<(message: BusMessage) => void>();
  const stops = new Set<() => void>();
  redis.subscribe(channel, (envelope) => {
    const message = open(envelope, keys);
    if (message === undefined) damage.found("bus");
    else for (const listener of listeners) listener(message);
  });
  return {
    publish(message) {
      const text = JSON.stringify(message);
      const mac = macOf(keys[0]!, text).toString("base64url");
      redis.call(channel, "PUBLISH", channel, JSON.stringify({ text, mac })).catch(() => {});
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    onResume(listener) {
      const stop = redis.onUp(listener);
      stops.add(stop);
      return () => {
        stops.delete(stop);
        stop();
      };
    },
    async close() {
      listeners.clear();
      for (const stop of stops) stop();
    },
  };
}

/** The channel takes part: what one installation says is nothing to another that has the same secret. */
const keyOf = (secret: string, channel: string): Buffer =>
  Buffer.from(hkdfSync("sha256", secret, channel, "portcullis redis bus v1", 32));

const macOf = (key: Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();

function open(envelope: string, keys: readonly Buffer[]): BusMessage | undefined {
  if (envelope.length > LONGEST_MESSAGE) return undefined;
  try {
    const { text, mac } = envelopeSchema.parse(JSON.parse(envelope));
    const given = Buffer.from(mac, "base64url");
    const isOurs = keys.some((key) => {
      const due = macOf(key, text);
      return due.length === given.length && timingSafeEqual(due, given);
    });
    return isOurs ? parseBusMessage(text) : undefined;
  } catch {
    // Of another version, or nobody's.
    return undefined;
  }
}
