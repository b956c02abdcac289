import { createHash } from "node:crypto";
import { localKeySource } from "@portcullis/access-token";
import { createGuard, type Decision, type Guard } from "@portcullis/guard";
import type { LogEvent } from "@portcullis/protocol";
import { createReplica, httpFeed, type Replica, type RevocationView } from "@portcullis/revocation";
import { redisFeed } from "@portcullis/revocation/redis";
import type { Mutations } from "./checks/mutations.ts";
import { redisClient } from "./redis/redis-client.ts";
import { verifyHead } from "./redis/signed-heads.ts";
import type { SimulatedRedis } from "./redis/simulated-redis.ts";
import { SKEW_SECONDS } from "./server/data-file.ts";
import { AUDIENCE, ISSUER, PUBLIC_KEYS } from "./tokens.ts";
import { Exchange, type NetworkEnd } from "./world/exchange.ts";
import type { SeededRandom } from "./world/seeded-random.ts";

const ENDPOINT = "http://server";

export interface VerifierLifeOptions {
  readonly end: NetworkEnd;
  readonly random: SeededRandom;
  readonly leaseMs: number;
  readonly mutations: Mutations;
  readonly redis: SimulatedRedis | undefined;
  readonly note: (line: string) => void;
}

/** One life of a verifier: the real guard on the real replica on the real HTTP feed. */
export class VerifierLife {
  readonly end: NetworkEnd;
  readonly replica: Replica;
  readonly view: RevocationView;
  readonly guard: Guard;
  /** Counts snapshots taken and batches applied: when it has moved, the index must be compared again. */
  changes = 0;

  constructor(options: VerifierLifeOptions) {
    const { end, random, mutations, redis } = options;
    const { process } = end;
    this.end = end;
    const http = httpFeed({
      endpoint: ENDPOINT,
      authorization: async () => "Bearer verifier",
      fetch: (url, init) => new Exchange(end, String(url).slice(ENDPOINT.length), init!).send(),
      setTimer: process.setTimer,
    });
    const { setTimer, clock } = process;
    const feed =
      redis === undefined
        ? http
        : redisFeed({ http, client: redisClient(redis, process), keyPrefix: "simulated", setTimer, clock });
    const parts = mutations.verifier(feed, process);
    const note = ({ event, replica, ...detail }: LogEvent): void => {
      this.changes++;
      options.note(`${replica} ${event} ${JSON.stringify(detail)}`);
    };
    this.replica = createReplica({
      feed: parts.feed,
      name: process.name,
      // By chance it would be another world each time that a seed runs.
      secret: createHash("sha256").update(process.name).digest("base64url"),
      leaseMs: options.leaseMs,
      clock: parts.clock,
      ...(redis !== undefined && { verifyHead: parts.verifyHead ?? verifyHead }),
      setTimer: process.setTimer,
      random: random.next,
      log: { info: note, warn: note, error: note },
    });
    this.replica.subscribe(() => {
      this.changes++;
    });
    this.view = parts.view(this.replica);
    this.guard = createGuard({
      issuer: ISSUER,
      audience: AUDIENCE,
      keys: localKeySource(PUBLIC_KEYS),
      revocations: this.view,
      freshness: { policy: "closed", maxAgeMs: Number.MAX_SAFE_INTEGER },
      clockSkewSeconds: SKEW_SECONDS,
      clock: process.clock,
    });
    this.replica.start();
  }

  /** Keys are known and the steps are synchronous, so that the answer is of this very moment. */
  request(token: string): Decision {
    const decision = this.guard.authenticate(`Bearer ${token}`);
    if (decision instanceof Promise) throw new Error("the guard waited for something");
    return decision;
  }

  /** Whether it could let anybody pass at this moment; the guard's rule for every allow. */
  get mayAllow(): boolean {
    const { ready, ageMs } = this.view.freshness();
    return ready && ageMs <= this.view.leaseMs;
  }

  /** With a kernel that closes its sockets, or without power, when nobody hears of it. */
  crash(silently: boolean): void {
    this.end.process.kill();
    for (const connection of [...this.end.link.carried]) {
      if (silently) (connection as Exchange).vanish();
      else connection.cut();
    }
  }
}
