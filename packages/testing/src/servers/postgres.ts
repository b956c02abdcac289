/** A PostgreSQL of one's own on a free loopback port, in a folder that goes with it. Killed and restarted at will. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { PATIENCE_MS } from "../patience.ts";
import { freePort } from "../ports.ts";

export interface PostgresOptions {
  /** Off, commits wait for no disk: only where nothing is killed. Default: on. */
  readonly fsync?: boolean;
  /** More settings, as on the server's command line: `{max_connections: "20"}`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Where the data folder is made. Default: the system's folder for temporary files. */
  readonly parentFolder?: string;
}

export interface PostgresServer {
  readonly port: number;
  /** Of the process that is running now; a restart changes it. */
  readonly pid: number;
  readonly dataFolder: string;
  url(database?: string): string;
  /** Makes an empty database and gives its URL. */
  createDatabase(): Promise<string>;
  /** Sends the signal and waits for the end of the process. `SIGKILL` takes every backend with it. */
  kill(signal: NodeJS.Signals): Promise<void>;
  /** On the same port and data; resolves when it answers. */
  restart(): Promise<void>;
  /** Ends it, and removes its data. */
  stop(): Promise<void>;
}

const READY = "database system is ready to accept connections";
const DEBIAN_FOLDER = "/usr/lib/postgresql";

export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const dataFolder = makeDataFolder(options.parentFolder ?? tmpdir());
  const port = await freePort();
  let child = await launch(dataFolder, port, options);
  const killAtExit = () => child.kill("SIGKILL");
  process.once("exit", killAtExit);
  const url = (database = "postgres") => `postgres://postgres@127.0.0.1:${port}/${database}`;

  async function kill(signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  }

  return {
    port,
    dataFolder,
    url,
    kill,
    get pid() {
      return child.pid!;
    },
    createDatabase: () => createPostgresDatabase(url()),
    async restart() {
      // SIGINT: a fast shutdown, that does not wait for clients.
      await kill("SIGINT");
      child = await launch(dataFolder, port, options);
    },
    async stop() {
      await kill("SIGQUIT");
      process.removeListener("exit", killAtExit);
      rmSync(dataFolder, { recursive: true, force: true });
    },
  };
}

function makeDataFolder(parent: string): string {
  const folder = mkdtempSync(join(parent, "portcullis-postgres-"));
  const owner = ownerOfServers();
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid!);
  const made = spawnSync(
    programOf("initdb"),
    ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "-D", folder],
    { ...owner, cwd: folder, encoding: "utf8" },
  );
  if (made.status !== 0) throw new Error(`initdb failed: ${made.stderr || made.error?.message}`);
  return folder;
}

async function launch(dataFolder: string, port: number, options: PostgresOptions): Promise<ChildProcess> {
  const settings = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    fsync: options.fsync === false ? "off" : "on",
    // Small: several run beside each other.
    shared_buffers: "32MB",
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(programOf("postgres"), ["-D", dataFolder, "-p", String(port), ...flags], {
    ...ownerOfServers(),
    cwd: dataFolder,
    stdio: ["ignore", "ignore", "pipe"],
  });
  await readiness(child);
  return child;
}

/** The server says itself when it is there: nothing is asked again and again. */
function readiness(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string) => {
      child.kill("SIGKILL");
      reject(new Error(`PostgreSQL ${why}: ${said}`));
    };
    const timer = setTimeout(() => fail(`was not ready within ${PATIENCE_MS} ms`), PATIENCE_MS);
    const onExit = () => {
      clearTimeout(timer);
      fail("did not start");
    };
    child.once("exit", onExit);
    child.stderr!.on("data", (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-4000);
      if (!said.includes(READY)) return;
      clearTimeout(timer);
      child.removeListener("exit", onExit);
      resolve();
    });
  });
}

/** PostgreSQL refuses to run as root. */
function ownerOfServers(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const idOf = (flag: string) => Number(spawnSync("id", [flag, "postgres"], { encoding: "utf8" }).stdout);
  const owner = { uid: idOf("-u"), gid: idOf("-g") };
  if (!owner.uid) throw new Error("there is no user postgres to run PostgreSQL as: install postgresql");
  return owner;
}

function programOf(name: string): string {
  const versions = existsSync(DEBIAN_FOLDER) ? readdirSync(DEBIAN_FOLDER).map(Number) : [];
  const newest = Math.max(0, ...versions.filter(Number.isFinite));
  return newest === 0 ? name : join(DEBIAN_FOLDER, String(newest), "bin", name);
}

/** Makes an empty database beside the one that the URL leads to, and gives its URL. */
export async function createPostgresDatabase(besides: string): Promise<string> {
  const url = new URL(besides);
  url.pathname = `/test_${randomBytes(6).toString("hex")}`;
  await runStatement(besides, `create database ${url.pathname.slice(1)}`);
  return url.href;
}

async function runStatement(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
