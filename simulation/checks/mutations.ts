import type { LeaseTable } from "@portcullis/feed-server";
import type { Clock, LeaseResponse, SignedHeadClaims } from "@portcullis/protocol";
import type { Feed, Replica, RevocationView } from "@portcullis/revocation";
import type { Storage } from "../../apps/auth-server/src/storage/storage.ts";
import type { Process } from "../world/process.ts";

/** Where behaviour can be put in from outside, and what stands there in an honest run. */
export interface ServerMutations {
  storage(storage: Storage, process: Process): Storage;
  leaseTable(table: LeaseTable): LeaseTable;
  leasesForReceipts(table: LeaseTable): LeaseTable;
  leaseAnswer(answer: LeaseResponse, receivedAt: number): LeaseResponse;
}

export interface VerifierParts {
  readonly feed: Feed;
  readonly clock: Clock;
  /** How the issuer's word on a head is checked, where there is one. */
  readonly verifyHead?: (text: string) => Promise<SignedHeadClaims>;
  /** What the guard asks. */
  readonly view: (replica: Replica) => RevocationView;
}

export interface Mutations {
  server(): ServerMutations;
  verifier(feed: Feed, process: Process): VerifierParts;
}

export const HONEST_SERVER: ServerMutations = {
  storage: (storage) => storage,
  leaseTable: (table) => table,
  leasesForReceipts: (table) => table,
  leaseAnswer: (answer) => answer,
};

export const HONEST: Mutations = {
  server: () => HONEST_SERVER,
  verifier: (feed, process) => ({
    feed,
    clock: process.clock,
    view: (replica) => replica,
  }),
};
