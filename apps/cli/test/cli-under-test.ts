import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type ConnectedGuard, connect } from "@portcullis/guard";
import { API_SCOPES, type LeaseRequest, leaseResponseSchema } from "@portcullis/protocol";
import { leaseSecretOf, patienceSignal } from "@portcullis/testing";
import {
  RESOURCE,
  type ServerUnderTest,
  startServer,
} from "../../auth-server/test/oidc/server-under-test.ts";
import { type Io, run } from "../src/index.ts";

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface RunOptions extends Partial<Omit<Io, "stdout" | "stderr">> {
  readonly onOut?: (text: string) => void;
  readonly onErr?: (text: string) => void;
}

export interface CliUnderTest {
  readonly server: ServerUnderTest;
  readonly env: Readonly<Record<string, string>>;
  run(args: string | readonly string[], options?: RunOptions): Promise<Ended>;
  /** A real verifier, which acknowledges what it applies. */
  verifier(name: string): Promise<ConnectedGuard>;
  /** A verifier that says what it is told to say, and applies nothing. */
  lease(request: Partial<LeaseRequest> & { readonly replica: string }): Promise<void>;
}

export const secretOf = (client: string): string => `${client}-secret-0123456789abcdef`;

/** The command, in this process, against a real server with clients for every combination of scopes. */
export async function cliUnderTest(
  t: TestContext,
  change: (document: Document) => void = () => undefined,
): Promise<CliUnderTest> {
  const server = await startServer({
    change(document) {
      giveScopes(document);
      change(document);
    },
  });
  t.after(() => server.stop());
  const env = {
    PORTCULLIS_ISSUER: server.issuer,
    PORTCULLIS_CLIENT_ID: "admin",
    PORTCULLIS_CLIENT_SECRET: secretOf("admin"),
  };
  return {
    server,
    env,
    run: (args, options = {}) => runCommand(args, { env, ...options }),
    verifier: (name) => startVerifier(t, server, name),
    lease: (request) => lease(server, request),
  };
}

/** Returns the path of a file that is there until the test ends. */
export async function fileWith(t: TestContext, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "portcullis-cli-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "file");
  await writeFile(file, text);
  return file;
}

type Document = Parameters<NonNullable<NonNullable<Parameters<typeof startServer>[0]>["change"]>>[0];

function giveScopes({ clients, issuer }: Document): void {
  const admin = clients.find(({ clientId }) => clientId === "admin")!;
  const api = `${issuer}/api`;
  admin.resources[api] = Object.values(API_SCOPES);
  clients.find(({ clientId }) => clientId === "auditor")!.resources[api] = ["revocations.inspect"];
}

/** A text is split at spaces, but for those within single quotes. A random ID may begin with "-": it goes after "--", or the call throws. */
export async function runCommand(args: string | readonly string[], options: RunOptions = {}): Promise<Ended> {
  const ended = { out: "", err: "" };
  const { onOut, onErr, ...io } = options;
  const writer = (name: "out" | "err", listener?: (text: string) => void) => ({
    write: (text: string) => {
      ended[name] += text;
      listener?.(text);
    },
  });
  const words = typeof args === "string" ? argumentsOf(args) : args;
  refuseBareIds(words);
  const code = await run(words, {
    stdout: writer("out", onOut),
    stderr: writer("err", onErr),
    env: {},
    fetch,
    isTerminal: false,
    columns: () => 100,
    now: Date.now,
    delay: () => new Promise((resolve) => setImmediate(resolve)),
    signal: new AbortController().signal,
    ...io,
  });
  return { code, ...ended };
}

const LEASE_MS = 20_000;

const argumentsOf = (text: string): string[] =>
  Array.from(text.matchAll(/'([^']*)'|\S+/g), ([part, quoted]) => quoted ?? part);

const RANDOM_ID = /^(?=.*[A-Z])(?=.*[a-z])(?=.*\d)[\w-]{21,43}$/;

/** One ID in 64 begins with "-" and would be read as an option: a test that forgets it fails each time, and not now and then. */
function refuseBareIds(words: readonly string[]): void {
  const end = words.indexOf("--");
  const bare = words.slice(0, end < 0 ? undefined : end).find((word) => RANDOM_ID.test(word));
  if (bare !== undefined) throw new Error(`The ID ${bare} stands before "--": ${words.join(" ")}`);
}

async function startVerifier(t: TestContext, server: ServerUnderTest, name: string): Promise<ConnectedGuard> {
  const guard = connect({
    issuer: server.issuer,
    audience: RESOURCE,
    clientId: "orders",
    clientSecret: secretOf("orders"),
    name,
    // Longer than a busy machine keeps this process from renewing it.
    leaseMs: LEASE_MS,
  });
  t.after(() => guard.close());
  await guard.whenReady(patienceSignal());
  return guard;
}

async function lease(server: ServerUnderTest, request: Partial<LeaseRequest>): Promise<void> {
  const { log } = server.server.storage;
  const response = await fetch(`${server.issuer}/revocations/lease`, {
    method: "POST",
    headers: { authorization: await tokenOf(server), "content-type": "application/json" },
    body: JSON.stringify({
      secret: leaseSecretOf(String(request.replica)),
      incarnation: log.incarnation,
      applied: log.head(),
      leaseMs: LEASE_MS,
      ...request,
    }),
  });
  leaseResponseSchema.parse(await response.json());
}

async function tokenOf({ issuer }: ServerUnderTest): Promise<string> {
  const basic = Buffer.from(`orders:${secretOf("orders")}`).toString("base64");
  const response = await fetch(`${issuer}/token`, {
    method: "POST",
    headers: { authorization: `Basic ${basic}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      scope: "revocations.read",
      resource: `${issuer}/api`,
    }),
  });
  return `Bearer ${(await response.json()).access_token}`;
}
