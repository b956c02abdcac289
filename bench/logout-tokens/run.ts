/** See README.md. Prints the figures, and with `--json FILE` writes the same figures with method and machine. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { parseArgs } from "node:util";
import { freePort } from "@portcullis/testing/ports";
import { startPostgres } from "@portcullis/testing/servers";
import type { DatabaseOptions } from "../../apps/auth-server/src/storage/storage.ts";
import { seedServer, waitForDisk } from "../people/seed-server.ts";
import { revoke, signIn } from "../people/sign-in.ts";
import { ADMIN, bearerOf } from "../processes/clients.ts";
import { Part } from "../processes/start-part.ts";
import { saveResult, spreadOf } from "../save-result.ts";

const { values } = parseArgs({
  options: {
    json: { type: "string" },
    sessions: { type: "string", default: "100000" },
    driver: { type: "string", multiple: true, default: ["sqlite", "postgres"] },
  },
});
const sessions = Number(values.sessions);
const ROUNDS_BEFORE = 20;
const PAUSE_MS = 500;
const MIB = 2 ** 20;

interface Watched {
  readonly wallMs: number;
  readonly cpuMs: number;
  readonly gcMs: number;
  readonly rssBytes: number;
  readonly heapBytes: number;
}

interface Party {
  readonly uri: string;
  /** Sessions that were told of, each once. */
  readonly told: ReadonlySet<string>;
  readonly requests: () => number;
  stop(): void;
}

const results: object[] = [];
for (const driver of values.driver) {
  const dataDirectory = mkdtempSync(join(tmpdir(), "portcullis-bench-"));
  const postgres = driver === "postgres" ? await startPostgres() : undefined;
  const party = await startParty();
  try {
    const database: DatabaseOptions =
      postgres === undefined
        ? { kind: "sqlite", file: join(dataDirectory, "auth-server.sqlite") }
        : { kind: "postgres", url: await postgres.createDatabase(), poolSize: 16 };
    const server = {
      port: await freePort(),
      dataDirectory,
      backchannelLogoutUri: party.uri,
      ...(database.kind === "postgres" ? { database } : {}),
    };
    const people = { users: sessions, sessionsPerUser: 1, bigApp: "shop", otherApp: "mail" };
    await seedServer({ database, server, people });
    if (database.kind === "sqlite") waitForDisk(database.file);
    const part = await Part.start("people", server);
    results.push({ driver, ...(await measure(part, `http://127.0.0.1:${server.port}`, party)) });
    await part.stop();
  } finally {
    party.stop();
    await postgres?.stop();
    rmSync(dataDirectory, { recursive: true, force: true });
  }
}
console.log(JSON.stringify(results, null, 2));
const method = `an app with ${sessions} sessions is disabled; until it was told of all, people sign in to another app and revoke its refresh token, one after the other; holds of the event loop by monitorEventLoopDelay (wall) and thread CPU time; heap after a collection of garbage, before and after`;
saveResult(values.json, { scenario: "logout-tokens", method, ...{ sessions, results } });

/** An app that takes whatever it is sent, and keeps which sessions it was told of. */
async function startParty(): Promise<Party> {
  const told = new Set<string>();
  let requests = 0;
  const server: Server = createServer(async (request, response) => {
    const token = new URLSearchParams(await text(request)).get("logout_token")!;
    const payload = Buffer.from(token.split(".")[1]!, "base64url").toString();
    requests++;
    told.add((JSON.parse(payload) as { sid: string }).sid);
    response.writeHead(200).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logout`,
    told,
    requests: () => requests,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function measure(server: Part, issuer: string, party: Party): Promise<object> {
  await round(issuer);
  const before: Round[] = [];
  while (before.length < ROUNDS_BEFORE) before.push(await round(issuer));
  const atFirst = await server.ask<Watched>({ collect: true });
  await server.ask({ watch: true });
  const began = performance.now();
  const ended = endApp(issuer).then(() => performance.now() - began);
  const meanwhile: Round[] = [];
  let rssMost = atFirst.rssBytes;
  // The seeded ones, and that of the person who was copied.
  while (party.told.size < sessions + 1) {
    meanwhile.push(await round(issuer));
    const { rssBytes } = await server.ask<Watched>({ holds: true });
    rssMost = Math.max(rssMost, rssBytes);
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
  const seconds = (performance.now() - began) / 1000;
  const held = await server.ask<Watched>({ holds: true });
  const atLast = await server.ask<Watched>({ collect: true });
  return {
    told: party.told.size,
    toldTwice: party.requests() - party.told.size,
    receiptMs: rounded(await ended),
    seconds: rounded(seconds),
    tokensASecond: Math.round(party.told.size / seconds),
    longestHoldWallMs: rounded(held.wallMs),
    longestHoldCpuMs: rounded(held.cpuMs),
    longestGcMs: rounded(held.gcMs),
    roundsMeanwhile: meanwhile.length,
    before: spreadsOf(before),
    meanwhile: spreadsOf(meanwhile),
    rssMiB: { before: inMib(atFirst.rssBytes), most: inMib(rssMost), after: inMib(atLast.rssBytes) },
    heapMiB: { before: inMib(atFirst.heapBytes), after: inMib(atLast.heapBytes) },
  };
}

/** What others do at the same time: milliseconds. */
interface Round {
  readonly signInMs: number;
  readonly revokeMs: number;
}

async function round(issuer: string): Promise<Round> {
  const began = performance.now();
  const tokens = await signIn(issuer, "mail");
  const signedIn = performance.now();
  await revoke(issuer, "mail", tokens);
  return { signInMs: signedIn - began, revokeMs: performance.now() - signedIn };
}

function spreadsOf(rounds: readonly Round[]): object {
  const signIns = spreadOf(rounds.map(({ signInMs }) => signInMs));
  const revocations = spreadOf(rounds.map(({ revokeMs }) => revokeMs));
  return {
    signInP50Ms: rounded(signIns.p50Ms),
    signInP99Ms: rounded(signIns.p99Ms),
    revokeP50Ms: rounded(revocations.p50Ms),
    revokeP99Ms: rounded(revocations.p99Ms),
  };
}

/** Waits for the receipt as long as it may: it is asked for again with each that is told. */
async function endApp(issuer: string): Promise<void> {
  const answer = await fetch(`${issuer}/api/v1/apps/shop/disable`, {
    method: "POST",
    headers: {
      authorization: await bearerOf(issuer, ADMIN, "apps.write"),
      "content-type": "application/json",
      prefer: "wait=10",
    },
    body: "{}",
  });
  const body = await answer.text();
  if (!answer.ok) throw new Error(`disable: ${answer.status} ${body}`);
}

/** To one place. */
function rounded(number: number): number {
  return Math.round(number * 10) / 10;
}

function inMib(bytes: number): number {
  return Math.round(bytes / MIB);
}
