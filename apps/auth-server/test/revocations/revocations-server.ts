import type { AddressInfo } from "node:net";
import type { TestContext } from "node:test";
import { DEFAULT_LEASE_TERMS, type LeaseTerms } from "@portcullis/feed-server";
import type { Authenticate } from "@portcullis/http-api";
import {
  type Clock,
  type LeaseRequest,
  type LeaseResponse,
  leaseResponseSchema,
  type Receipt,
  type RevocableClaims,
  receiptSchema,
  systemClock,
  wallSecondsOf,
} from "@portcullis/protocol";
import { leaseSecretOf, RecordedLog } from "@portcullis/testing";
import { freePort } from "@portcullis/testing/ports";
import Fastify from "fastify";
import type { JWK } from "jose";
import { publicKeysOf } from "../../src/keys/signing-key.ts";
import {
  createRevocations,
  type EndBelow,
  type FindTarget,
  type RevocationLimits,
  type Revocations,
  takeAsItIs,
  UNCOUNTED,
} from "../../src/revocations/index.ts";
import { createRecognizeHead, createSignHead } from "../../src/revocations/rollback/sign-head.ts";
import { openStorage } from "../../src/storage/open-storage.ts";
import type { DatabaseOptions, Storage } from "../../src/storage/storage.ts";
import { storageOptions, temporaryFile } from "../storage/temporary-storage.ts";

export interface RevocationsServer {
  readonly file: string;
  readonly storage: Storage;
  readonly revocations: Revocations;
  /** URL of the revocations API. */
  readonly endpoint: string;
  readonly operatorLog: RecordedLog;
  revoke(body: unknown, headers?: Record<string, string>): Promise<Response>;
  receipt(body: unknown, prefer?: string): Promise<Receipt>;
  leaseCall(client: string, request: Partial<LeaseRequest>): Promise<Response>;
  lease(client: string, request: Partial<LeaseRequest>): Promise<LeaseResponse>;
  close(): Promise<void>;
}

export interface ServerOptions {
  /** Data of a server that was closed: this one is its restart. */
  readonly file?: string;
  /** Port of that server. */
  readonly port?: number;
  /** Default: the file. */
  readonly database?: DatabaseOptions;
  /** Default: the machine's. */
  readonly clock?: Clock;
  readonly maxLiveRevocations?: number;
  readonly endBelow?: EndBelow;
  readonly findTarget?: FindTarget;
  readonly limits?: RevocationLimits;
  readonly leaseTerms?: Partial<LeaseTerms>;
  /** Default: heads go out unsigned. */
  readonly signingKeys?: readonly JWK[];
}

export const ISSUER = "https://id.example";

/** The real routes on a free port, on a real file. Only who calls is made up: the token is the client's name. */
export async function serveRevocations(
  t: TestContext,
  options: ServerOptions = {},
): Promise<RevocationsServer> {
  const file = options.file ?? temporaryFile(t);
  const { clock = systemClock } = options;
  const operatorLog = new RecordedLog();
  const storage = await openStorage({
    ...storageOptions(file, clock),
    ...(options.database === undefined ? {} : { database: options.database }),
    ...(clock === systemClock ? {} : { databaseClock: async () => clock.wallMs() }),
  });
  const revocations = await createRevocations({
    storage,
    clock,
    endBelow: options.endBelow ?? (async () => undefined),
    blastRadiusOf: async () => UNCOUNTED,
    findTarget: options.findTarget ?? takeAsItIs,
    operatorLog,
    ...(options.signingKeys && headsOf(options.signingKeys, storage, clock)),
    ...(options.limits === undefined ? {} : { limits: options.limits }),
    leaseTerms: { ...DEFAULT_LEASE_TERMS, ...options.leaseTerms },
    ...(options.maxLiveRevocations === undefined ? {} : { maxLiveRevocations: options.maxLiveRevocations }),
  });
  const app = Fastify();
  revocations.mount(app, { authenticate: authenticateByName(clock), path: "/revocations" });
  await app.listen({ host: "127.0.0.1", port: options.port ?? (await freePort()) });
  const endpoint = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}/revocations`;

  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await revocations.close();
    app.server.closeAllConnections();
    await app.close();
    await storage.close();
  };
  t.after(close);
  return { file, storage, revocations, endpoint, operatorLog, close, ...callsTo(endpoint, storage) };
}

function headsOf(keys: readonly JWK[], { log }: Storage, clock: Clock) {
  return {
    signHead: createSignHead({
      issuer: ISSUER,
      key: () => keys[0]!,
      log,
      clock,
    }),
    recognizeHead: createRecognizeHead({ issuer: ISSUER, keys: () => publicKeysOf(keys) }),
  };
}

function callsTo(endpoint: string, storage: Storage) {
  const post = (path: string, client: string, body: unknown, headers: Record<string, string> = {}) =>
    fetch(`${endpoint}${path}`, {
      method: "POST",
      headers: { authorization: bearer(client), "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body),
    });
  const revoke = (body: unknown, headers?: Record<string, string>) =>
    post("", "admin", ofNobodyHere(body), headers);
  const leaseCall = (client: string, request: Partial<LeaseRequest>) =>
    post("/lease", client, {
      replica: "a",
      secret: leaseSecretOf(`${client} ${request.replica ?? "a"}`),
      incarnation: storage.log.incarnation,
      applied: storage.log.head(),
      leaseMs: 5000,
      ...request,
    });
  return {
    revoke,
    leaseCall,
    receipt: async (body: unknown, prefer = "wait=0") =>
      receiptSchema.parse(await (await revoke(body, { prefer })).json()),
    lease: async (client: string, request: Partial<LeaseRequest>) =>
      leaseResponseSchema.parse(await (await leaseCall(client, request)).json()),
  };
}

/** There are no users and sessions here: what is revoked is made up, and so of another issuer. */
function ofNobodyHere(body: unknown): unknown {
  const isKeyed = typeof body === "object" && body !== null && "key" in body;
  return isKeyed ? { foreign: true, ...body } : body;
}

export const bearer = (client: string): string => `Bearer ${client}`;

/** Seconds for which the made-up tokens are good. */
export const TOKEN_SECONDS = 60;

/** Whoever is not named here is a verifier. */
const SCOPES_OF: Readonly<Record<string, string>> = {
  admin: "revocations.write",
  inspector: "revocations.inspect",
};

function authenticateByName(clock: Clock): Authenticate {
  return async (request, scope) => {
    const [, clientId] = /^Bearer (\S+)$/.exec(request.headers.authorization ?? "") ?? [];
    if (clientId === undefined) return refused(401, "missing_token");
    if ((SCOPES_OF[clientId] ?? "revocations.read") !== scope) return refused(403, "insufficient_scope");
    const iat = Math.floor(wallSecondsOf(clock));
    const claims: RevocableClaims = {
      iss: "issuer",
      iat,
      exp: iat + TOKEN_SECONDS,
      client_id: clientId,
      rv: 0,
    };
    return { caller: { clientId, address: request.ip, expiresAt: claims.exp, claims } };
  };
}

const refused = (status: number, error: string) => ({
  refusal: { status, headers: { "www-authenticate": "Bearer" }, body: { error, error_description: error } },
});
