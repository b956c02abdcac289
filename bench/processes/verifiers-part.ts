/** Guards with a replica each. Answers `{ waitFor: head }`, `{ memory: true }`, `{ cpu: true }`. */
import { connect } from "@portcullis/guard";
import { AUDIENCE, VERIFIERS } from "./clients.ts";

export interface VerifiersOptions {
  readonly issuer: string;
  readonly count: number;
  /** Where the feed is read from Redis instead of the HTTP stream. */
  readonly redis?: { readonly url: string; readonly keyPrefix: string };
}

const options = JSON.parse(process.argv[2]!) as VerifiersOptions;
collect();
const before = process.memoryUsage();
const began = performance.now();
const feed = options.redis === undefined ? undefined : await redisReader(options.redis);
const guards = Array.from({ length: options.count }, (_, at) =>
  connect({
    issuer: options.issuer,
    audience: AUDIENCE,
    clientId: VERIFIERS[0]!.id,
    clientSecret: VERIFIERS[0]!.secret,
    name: `verifier-${process.pid}-${at}`,
    log: { ...console, info: () => {} },
    ...(feed === undefined ? {} : { feed }),
  }),
);
await Promise.all(guards.map((guard) => guard.whenReady()));
process.on("disconnect", () => process.exit());
process.on("message", (question) => void answer(question as Question));
process.send!({ readyMs: performance.now() - began });

type Question = { readonly waitFor: number } | { readonly memory: true } | { readonly cpu: true };

async function answer(question: Question): Promise<void> {
  if ("memory" in question) return memory();
  if ("cpu" in question) return cpu();
  await Promise.all(guards.map(({ replica }) => reaches(replica, question.waitFor)));
  process.send!({ reachedAt: Date.now() });
}

function reaches(replica: (typeof guards)[number]["replica"], seq: number): Promise<void> {
  return new Promise((resolve) => {
    const stop = replica.subscribe(({ applied }) => {
      if (applied < seq) return;
      stop();
      resolve();
    });
    if (replica.applied >= seq) resolve();
  });
}

function cpu(): void {
  const { user, system } = process.cpuUsage();
  process.send!({ cpuMs: (user + system) / 1000 });
}

function memory(): void {
  collect();
  const now = process.memoryUsage();
  process.send!({
    bytesAReplica: (now.arrayBuffers + now.heapUsed - before.arrayBuffers - before.heapUsed) / options.count,
    index: guards[0]!.replica.statistics(),
  });
}

function collect(): void {
  (globalThis as { gc?: () => void }).gc?.();
}

async function redisReader({ url, keyPrefix }: NonNullable<VerifiersOptions["redis"]>) {
  const { createClient } = await import("@redis/client");
  const { redisFeed } = await import("@portcullis/revocation/redis");
  const client = createClient({ url });
  await client.connect();
  return (http: Parameters<typeof redisFeed>[0]["http"]) => redisFeed({ http, client, keyPrefix });
}
