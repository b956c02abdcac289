/** A server's storage, and its HTTP, in which whoever reads, writes or has read waits for its turn. */
import { AsyncLocalStorage } from "node:async_hooks";
import { subscribe } from "node:diagnostics_channel";
import type { ClientRequest, IncomingMessage, Server } from "node:http";
import type { KyselyPlugin, RootOperationNode } from "kysely";
import { openStorage } from "../../apps/auth-server/src/storage/open-storage.ts";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import type { Write } from "../../apps/auth-server/src/storage/write-transaction.ts";
import type { Racer } from "./turns.ts";

export type Point = (racer: Racer, name: string) => Promise<void>;

/** By whom what runs was begun: undefined for everybody else, and inside a transaction, where nobody may wait. */
const racing = new AsyncLocalStorage<Racer | undefined>();
const HEADER = "x-racer";

// Each request says whose it is, however many a page's walk takes.
subscribe("http.client.request.created", (message) => {
  const racer = racing.getStore();
  if (racer !== undefined) (message as { request: ClientRequest }).request.setHeader(HEADER, racer);
});

export const asRacer = <T>(racer: Racer, work: () => Promise<T>): Promise<T> => racing.run(racer, work);

export const racerOfNow = (): Racer | undefined => racing.getStore();

/** What a request of a racer does in this server, it does as that racer. */
export function tellRacersApart(server: Server): void {
  const emit = server.emit.bind(server);
  server.emit = (event: string, ...rest: unknown[]) => {
    const racer = event === "request" ? (rest[0] as IncomingMessage).headers[HEADER] : undefined;
    return racing.run(racer as Racer | undefined, () => emit(event, ...rest));
  };
}

/** Opens the real storage; `point` is called before each transaction, after it, and after each read. */
export const gatedStorage =
  (point: Point): typeof openStorage =>
  async (options) => {
    const storage = await openStorage(options);
    const write: Write = async (work, how) => {
      const racer = racing.getStore();
      if (racer === undefined) return storage.write(work, how);
      await point(racer, "write");
      try {
        return await storage.write((transaction) => racing.run(undefined, () => work(transaction)), how);
      } finally {
        await point(racer, "written");
      }
    };
    return withParts(storage, {
      read: storage.read.withPlugin(waitAfterReads(point)),
      readKept: storage.readKept.withPlugin(waitAfterReads(point)),
      write,
    });
  };

/** Getters stay getters. */
const withParts = (storage: Storage, parts: Partial<Storage>): Storage =>
  Object.defineProperties({} as Storage, {
    ...Object.getOwnPropertyDescriptors(storage),
    ...Object.getOwnPropertyDescriptors(parts),
  });

/** What all that want the keys share: whoever waited here would hold the others. */
const SHARED = "oidc_signing_keys";

function waitAfterReads(point: Point): KyselyPlugin {
  const tables = new WeakMap<object, string>();
  return {
    transformQuery({ node, queryId }) {
      tables.set(queryId, tableOf(node));
      return node;
    },
    async transformResult({ result, queryId }) {
      const racer = racing.getStore();
      const table = tables.get(queryId) ?? "";
      if (racer !== undefined && table !== SHARED) await point(racer, `read ${table}`);
      return result;
    },
  };
}

function tableOf(node: RootOperationNode): string {
  const [from] = node.kind === "SelectQueryNode" ? (node.from?.froms ?? []) : [];
  const table = from?.kind === "AliasNode" ? (from as { node?: unknown }).node : from;
  return (table as { table?: { identifier?: { name?: string } } })?.table?.identifier?.name ?? node.kind;
}
