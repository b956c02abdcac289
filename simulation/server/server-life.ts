import type { ServerResponse } from "node:http";
import {
  FeedHub,
  FeedStreams,
  HeadSigner,
  LeaseDesk,
  LeaseTable,
  type LogPosition,
  Snapshots,
} from "@portcullis/feed-server";
import { checkInput } from "@portcullis/http-api";
import {
  type Clock,
  encodeBase64url,
  leaseRequestSchema,
  PortcullisError,
  parseCursor,
  type Receipt,
  silentLog,
  wallSecondsOf,
} from "@portcullis/protocol";
import { sqlLeaseHolderDirectory } from "../../apps/auth-server/src/revocations/many-servers/sql-lease-holder-directory.ts";
import {
  type ClosableReceipts,
  createReceipts,
} from "../../apps/auth-server/src/revocations/receipts/receipts.ts";
import { pruneExpired } from "../../apps/auth-server/src/revocations/retention/prune.ts";
import {
  createRevoker,
  type RevokeCommand,
  type Revoker,
  takeAsItIs,
  UNCOUNTED,
} from "../../apps/auth-server/src/revocations/revoke/revoker.ts";
import { loadLocalRevocations } from "../../apps/auth-server/src/revocations/verifiers/local-revocations.ts";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import type { ServerMutations } from "../checks/mutations.ts";
import { signedHead } from "../redis/signed-heads.ts";
import type { Call } from "../world/exchange.ts";
import type { Process } from "../world/process.ts";

const HEARTBEAT_MS = 2000;
const SWEEP_MS = 1000;
const PRUNE_MS = 5000;
const FEED_CLIENT = "verifiers";

export interface ServerLifeOptions {
  readonly process: Process;
  /** Whose writes take as long as this machine's disk, and fail once the process is dead. */
  readonly storage: Storage;
  readonly writableLimitBytes: number;
  readonly mutations: ServerMutations;
  /** Where others than the server itself carry its log. */
  readonly signsHeads: boolean;
}

/**
 * One life of the authorization server: the parts of the revocations feature, put together as
 * `createRevocations` does, but with the simulated timers and the simulated wire in place of Fastify's.
 */
export class ServerLife {
  readonly process: Process;
  readonly storage: Storage;
  readonly table: LeaseTable;
  readonly receipts: ClosableReceipts;
  readonly #revoker: Revoker;
  readonly #leases: LeaseDesk;
  readonly #snapshots: Snapshots;
  readonly #streams: FeedStreams;
  readonly #mutations: ServerMutations;

  static async open(options: ServerLifeOptions): Promise<ServerLife> {
    const { storage, process, mutations } = options;
    const { log } = storage;
    const { clock } = process;
    const local = await loadLocalRevocations({ log, clock });
    const table = mutations.leaseTable(new LeaseTable(clock));
    const signer = options.signsHeads ? headSigner(storage, process) : undefined;
    const leases = await LeaseDesk.open({
      log,
      signer,
      directory: sqlLeaseHolderDirectory(storage),
      table,
      clock,
      operatorLog: silentLog,
    });
    return new ServerLife(options, { local, table, leases, signer });
  }

  private constructor(
    options: ServerLifeOptions,
    parts: {
      readonly local: Awaited<ReturnType<typeof loadLocalRevocations>>;
      readonly table: LeaseTable;
      readonly leases: LeaseDesk;
      readonly signer: HeadSigner | undefined;
    },
  ) {
    const { storage, process, mutations, writableLimitBytes } = options;
    const { log } = storage;
    const { setTimer, clock } = process;
    this.process = process;
    this.storage = storage;
    this.table = parts.table;
    this.#leases = parts.leases;
    this.#mutations = mutations;
    this.receipts = createReceipts({
      leases: mutations.leasesForReceipts(parts.table),
      head: () => log.head(),
      refresh: () => log.refresh(),
      clock,
      setTimer,
    });
    this.#revoker = createRevoker({
      write: storage.write,
      read: storage.read,
      log,
      endBelow: async () => {},
      blastRadiusOf: async () => UNCOUNTED,
      findTarget: takeAsItIs,
    });
    const { signer } = parts;
    this.#snapshots = new Snapshots({ log, clock, signer });
    const hub = new FeedHub({ log, clock, setTimer, signer });
    this.#streams = new FeedStreams({ hub, local: parts.local, clock, setTimer, writableLimitBytes });
    process.every(HEARTBEAT_MS, "heartbeat", () => hub.beat());
    process.every(SWEEP_MS, "sweep", () => this.#leases.sweep());
    process.every(PRUNE_MS, "prune", () => this.#prune());
  }

  /** Gives the seq at once when it is known to be on disk, and then the receipt. */
  async revoke(command: RevokeCommand, waitMs: number, committed: (seq: number) => void): Promise<Receipt> {
    const { seq } = await this.#revoker.revoke(command);
    committed(seq);
    return this.receipts.wait(seq, waitMs);
  }

  accept(call: Call): void {
    if (call.path === "/stream") this.#openStream(call);
    else if (call.path === "/snapshot") void this.#answer(call, () => this.#snapshots.get());
    else void this.#answer(call, () => this.#lease(call.body));
  }

  async #lease(text: string): Promise<string> {
    const receivedAt = this.process.clock.monotonicMs();
    const request = checkInput(leaseRequestSchema, JSON.parse(text));
    const response = await this.#leases.call({ clientId: FEED_CLIENT, request, receivedAt });
    return JSON.stringify(this.#mutations.leaseAnswer(response, receivedAt));
  }

  async #answer(call: Call, work: () => Promise<string | Uint8Array>): Promise<void> {
    try {
      call.answer(200, await work());
    } catch (error) {
      const { status = 500, code = "server_error" } = error instanceof PortcullisError ? error : {};
      call.answer(status, JSON.stringify({ error: code }));
    }
  }

  #openStream(call: Call): void {
    const cursor = parseCursor(call.headers["last-event-id"] ?? "");
    if (cursor === undefined) {
      call.answer(400, "{}");
      return;
    }
    const claims = { iss: "issuer", iat: 0, exp: 2 ** 32 - 1, rv: Number.MAX_SAFE_INTEGER };
    const caller = { clientId: FEED_CLIENT, expiresAt: claims.exp, claims };
    void this.#streams.open(call.stream() as unknown as ServerResponse, cursor, caller);
  }

  async #prune(): Promise<void> {
    const { storage } = this;
    try {
      await storage.pruning.run("log", async (time) => ({
        revocations: await pruneExpired({ storage, time }),
      }));
    } catch (error) {
      if (!(error instanceof PortcullisError)) throw error;
    }
  }
}

const headSigner = ({ log }: Storage, { clock }: Process): HeadSigner =>
  new HeadSigner({
    signHead: async (position, digest) => signedHeadOf(log, clock, position, digest),
    clock,
    operatorLog: silentLog,
  });

/** Returns the issuer's word on a place in its log, and on a snapshot that was made there. */
export function signedHeadOf(
  { incarnation, epoch }: Pick<Storage["log"], "incarnation" | "epoch">,
  clock: Clock,
  { seq, chain }: LogPosition,
  digest?: Uint8Array,
): string {
  const snapshot = digest && { snapshot: encodeBase64url(digest) };
  const iat = wallSecondsOf(clock);
  return signedHead({ incarnation, epoch, seq, chain: encodeBase64url(chain), ...snapshot, iat });
}
