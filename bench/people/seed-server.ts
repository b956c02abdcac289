/** Fills the database of a server with people: one signs in through the pages, and the rows of that are copied. */
import { closeSync, fsyncSync, openSync } from "node:fs";
import type { DatabaseOptions } from "../../apps/auth-server/src/storage/storage.ts";
import { PERSON } from "../processes/clients.ts";
import type { PeopleServerOptions } from "../processes/people-part.ts";
import { Part } from "../processes/start-part.ts";
import { type People, postgresWriter, readLineage, seedPeople, sqliteWriter } from "./seed.ts";
import { signIn } from "./sign-in.ts";

export interface SeedOptions {
  readonly database: DatabaseOptions;
  readonly server: PeopleServerOptions;
  readonly people: People;
}

/** The server runs while the first signs in, and not afterwards. */
export async function seedServer({ database, server, people }: SeedOptions): Promise<void> {
  const first = await Part.start("people", server);
  await signIn(`http://127.0.0.1:${server.port}`, people.bigApp);
  await first.stop();
  const began = performance.now();
  const lineage = await readLineage(database, PERSON.username);
  const writer =
    database.kind === "sqlite" ? sqliteWriter(database.file) : await postgresWriter(database.url);
  await seedPeople(writer, lineage, people);
  await writer.close();
  console.error(`${database.kind}: seeded in ${Math.round((performance.now() - began) / 1000)} s`);
}

/** What was seeded is not on disk yet: else the server's first write would wait for all of it, and be held by it. */
export function waitForDisk(file: string): void {
  const opened = openSync(file, "r+");
  fsyncSync(opened);
  closeSync(opened);
}
