import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { type Addresses, otherPortBase } from "./addresses.ts";

const LOCK_FILE = "launcher.lock";

/** The issuer is told to whom the lock refuses; the port base is that of the one who asks. */
type Told = Pick<Addresses, "issuer" | "portBase">;

export interface DataDirectory {
  readonly path: string;
  pathOf(...names: string[]): string;
  /** The parsed file, or undefined if there is none. */
  readJson(name: string): unknown;
  /** Readable by the owner only; whole or not at all, also when the machine stops in the middle. */
  write(name: string, text: string): void;
  release(): void;
}

/** Makes the directory if needed and takes it for this process. Throws when another launcher has it. */
export function openDataDirectory(path: string, told: Told): DataDirectory {
  refuseForeignDirectory(path);
  for (const folder of ["", "config", "logs"]) {
    mkdirSync(join(path, folder), { recursive: true, mode: 0o700 });
  }
  chmodSync(path, 0o700);
  const release = takeLock(path, told);
  return {
    path,
    pathOf: (...names) => join(path, ...names),
    readJson: (name) => readJson(join(path, name)),
    write: (name, text) => writeWhole(join(path, name), text),
    release,
  };
}

/** `--data /tmp` would close that folder to everybody else, and strew secrets over it. */
function refuseForeignDirectory(path: string): void {
  if (!existsSync(path) || existsSync(join(path, LOCK_FILE)) || readdirSync(path).length === 0) return;
  throw new Error(
    `${path} is not empty and was not made by Portcullis. Choose another: npm start -- --data DIR`,
  );
}

/** Whatever becomes of the caller's references: a collected handle would be closed, and the lock gone with it. */
const held = new Set<DatabaseSync>();

/**
 * A lock of the operating system, through SQLite: it goes when the process goes, however that ends, so that no
 * lock file of a dead process ever stands in the way.
 */
function takeLock(path: string, told: Told): () => void {
  const database = new DatabaseSync(join(path, LOCK_FILE));
  const holderFile = join(path, "launcher.json");
  try {
    database.exec(
      "PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE",
    );
  } catch (cause) {
    database.close();
    throw new Error(alreadyRunning(path, { holder: readJson(holderFile), portBase: told.portBase }), {
      cause,
    });
  }
  writeWhole(holderFile, JSON.stringify({ pid: process.pid, issuer: told.issuer }));
  chmodSync(join(path, LOCK_FILE), 0o600);
  held.add(database);
  return () => {
    held.delete(database);
    database.close();
  };
}

interface Refused {
  readonly holder: unknown;
  /** What the refused one was given. */
  readonly portBase: number;
}

function alreadyRunning(path: string, { holder, portBase }: Refused): string {
  const { pid, issuer } = (holder ?? {}) as { pid?: number; issuer?: string };
  const who = pid === undefined ? "" : ` (process ${pid}, ${issuer})`;
  return [
    `Portcullis is already running on ${path}${who}.`,
    `Stop it first, or run another beside it: npm start -- --data OTHER_DIR --port-base ${otherPortBase(portBase)}`,
  ].join("\n");
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

function writeWhole(file: string, text: string): void {
  const half = `${file}.new`;
  writeFileSync(half, text, { mode: 0o600, flush: true });
  renameSync(half, file);
}
