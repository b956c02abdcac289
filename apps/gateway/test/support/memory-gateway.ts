/** The gateway from its entries to its services, with neither: no socket is opened, and time stands still. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Guard } from "@portcullis/guard";
import { AUDIENCE, RecordedLog } from "@portcullis/testing";
import { guardedApi } from "../../../../packages/guard/test/guarded-api.ts";
import { parseConfiguration } from "../../src/config/gateway-configuration.ts";
import { createDecisionCore, type DecisionCoreOptions } from "../../src/decision-core.ts";
import { Counters } from "../../src/management/counters.ts";
import { openSigningKey } from "../../src/transaction-token/signing-key.ts";
import { Buffers } from "../../src/upstreams/buffers.ts";
import { ConnectionQueue } from "../../src/upstreams/connection-queue.ts";
import { type Asked, ask, HOST } from "./memory-entry.ts";
import { MemoryService } from "./memory-service.ts";

const SERVICE = "http://service.test";
const QUEUE_TIMEOUT_MS = 2_000;

const yaml = (settings: string): string => `
issuer: http://issuer.test
listen: { port: 0 }
management: { port: 0 }
verifier: { clientId: gateway, clientSecret: a-verifiers-secret }
transactionToken: { issuer: "http://gateway.test", audience: services.test, keyFile: key.json }
cors: { origins: ["http://app.test"] }
${settings}
routes:
  - { name: orders, path: /orders, upstream: "${SERVICE}", audience: "${AUDIENCE}", scopes: [orders.read], methods: [GET, POST] }
  - { name: public, path: /public, upstream: "${SERVICE}", public: true }
`;

export interface MemoryGatewayOptions {
  readonly settings?: string;
  /** What is asked in the place of the guard. */
  readonly guardedBy?: (guard: Guard) => Pick<Guard, "authenticate">;
}

export function startMemoryGateway({
  settings = "",
  guardedBy = (guard) => guard,
}: MemoryGatewayOptions = {}) {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-pipeline-"));
  const configuration = parseConfiguration(yaml(settings), directory);
  const signingKey = openSigningKey(configuration.transactionToken.keyFile);
  rmSync(directory, { recursive: true });
  const api = guardedApi();
  const service = new MemoryService();
  const upstream = { pool: service, queue: oneConnection(api.clock.setTimer) };
  const phase = { isReady: true, isDraining: false };
  const counters = new Counters();
  const log = new RecordedLog();
  const buffers = new Buffers({ bufferedBytes: configuration.limits.bufferedBytes, clientShare: 1 });
  const core = createDecisionCore({
    configuration,
    guard: guardedBy(api.guard),
    signingKey,
    upstreams: { of: () => upstream },
    buffers,
    counters,
    log,
    isReady: () => phase.isReady,
    isDraining: () => phase.isDraining,
    clock: api.clock,
    setTimer: api.clock.setTimer,
    randomBytes: (count) => new Uint8Array(count).fill(1),
  });

  return {
    core,
    phase,
    counters,
    log,
    buffers,
    service,
    clock: api.clock,
    revocations: api.revocations,
    /** Fields with a good token, unless `claims` spoil it. */
    bearer: (claims?: object): string[] => [...HOST, "Authorization", api.bearer(claims)],
    begin: (asked: Asked) => ask(core, asked),
    /** The answer as a line, for what is answered in the same turn. */
    answerTo(asked: Asked): string {
      const { answer, exchange } = ask(core, asked);
      return `${answer.status} ${exchange.refusal ?? "let through"}`;
    },
  };
}

const oneConnection = (setTimer: DecisionCoreOptions["setTimer"]): ConnectionQueue =>
  new ConnectionQueue({
    connections: 1,
    queueLength: 1,
    queueTimeoutMs: QUEUE_TIMEOUT_MS,
    clientShare: 1,
    setTimer,
  });
