import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { ChainedRecord } from "@portcullis/feed-server";
import { type Clock, type RevocationRecord, systemClock } from "@portcullis/protocol";
import { openStorage } from "../../src/storage/open-storage.ts";
import { PruneTime } from "../../src/storage/pruning.ts";
import type { Storage, StorageOptions } from "../../src/storage/storage.ts";
import type { RevocationDraft } from "../../src/storage/write-transaction.ts";

export const TOKEN_LIFETIME_SECONDS = 300;
export const CLOCK_SKEW_SECONDS = 5;

/** By which a test deletes as if all clocks agreed. Seconds. */
export const pruneTimeAt = (seconds: number): PruneTime =>
  new PruneTime({ seconds, clockSkewSeconds: CLOCK_SKEW_SECONDS, admits: () => true });

/** A file in a directory that goes when the test is over. */
export function temporaryFile(test: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "portcullis-"));
  test.after(() => rmSync(directory, { recursive: true, force: true }));
  return join(directory, "data", "portcullis.sqlite");
}

export function storageOptions(file: string, clock: Clock = systemClock): StorageOptions {
  return {
    database: { kind: "sqlite", file },
    tokenLifetimeSeconds: TOKEN_LIFETIME_SECONDS,
    clockSkewSeconds: CLOCK_SKEW_SECONDS,
    clock,
    randomBytes,
  };
}

/** Opens storages with what the test asks for, and closes them when it is over; a storage may be closed before. */
export function closingStorages(test: TestContext, defaults: StorageOptions) {
  return async (options: Partial<StorageOptions> = {}): Promise<Storage> => {
    const { clock } = { ...defaults, ...options };
    const databaseClock = clock === systemClock ? undefined : async () => clock.wallMs();
    const storage = await openStorage({ databaseClock, ...defaults, ...options });
    let closing: Promise<void> | undefined;
    const close = () => (closing ??= storage.close());
    test.after(close);
    return { ...storage, close };
  };
}

export async function temporaryStorage(test: TestContext, clock?: Clock): Promise<Storage> {
  const storage = await openStorage(storageOptions(temporaryFile(test), clock));
  test.after(() => storage.close());
  return storage;
}

export function draft(key: string, more: Partial<RevocationDraft> = {}): RevocationDraft {
  return { scope: "subject", mode: "kill", reason: "revoked", key, ...more };
}

/** Seqs of all stored rows. */
export async function storedSeqs(storage: Storage): Promise<number[]> {
  const rows = await storage.read.selectFrom("revocations").select("seq").orderBy("seq").execute();
  return rows.map((row) => row.seq);
}

export const oneTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** As verifiers decode it. */
export function withoutChain({ chain: _chain, ...record }: ChainedRecord): RevocationRecord {
  return record;
}
