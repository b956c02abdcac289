/** Sign-ins of this person, a file an issuer: tokens are in it, so it is for its owner alone. */
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join } from "node:path";
import { z } from "zod";
import { cliError } from "../errors.ts";
import type { Io } from "../io.ts";

const loginSchema = z.object({
  issuer: z.string(),
  clientId: z.string(),
  subject: z.string(),
  username: z.string(),
  accessToken: z.string(),
  /** Milliseconds. */
  expiresAt: z.number(),
  refreshToken: z.string(),
});
export type Login = z.infer<typeof loginSchema>;

type World = Pick<Io, "env" | "now" | "delay" | "signal">;

/** A process that holds the lock for longer has died, or hangs. */
const STALE_LOCK_MS = 60_000;
const LOCK_WAIT_MS = 20_000;
const LOOK_AGAIN_MS = 50;

export class StoredLogins {
  readonly #world: World;
  readonly #folder: string;

  constructor(world: World) {
    this.#world = world;
    this.#folder = join(configurationFolder(world.env), "portcullis", "logins");
  }

  fileOf(issuer: string): string {
    return join(this.#folder, `${encodeURIComponent(issuer)}.json`);
  }

  /** Undefined: nobody has signed in there. Names of files may differ in case alone, which is one file on some machines: tokens go to the issuer that gave them. */
  read(issuer: string): Login | undefined {
    const login = readLogin(this.fileOf(issuer));
    return login?.issuer === issuer ? login : undefined;
  }

  all(): Login[] {
    return namesIn(this.#folder)
      .map((name) => readLogin(join(this.#folder, name)))
      .filter((login) => login !== undefined);
  }

  /** Whole or not at all, and never readable by others, not for a moment. */
  write(login: Login): void {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    chmodSync(this.#folder, 0o700);
    const half = join(this.#folder, `.${randomBytes(8).toString("hex")}`);
    writeFileSync(half, `${JSON.stringify(login, null, 2)}\n`, { mode: 0o600, flag: "wx", flush: true });
    renameSync(half, this.fileOf(login.issuer));
  }

  remove(issuer: string): void {
    rmSync(this.fileOf(issuer), { force: true });
  }

  /** One process at a time: a refresh token is good once, and two that use it at once would seem to be a thief and its owner. */
  async locked<Value>(issuer: string, work: () => Promise<Value>): Promise<Value> {
    const lock = `${this.fileOf(issuer)}.lock`;
    await this.#take(lock);
    try {
      return await work();
    } finally {
      rmSync(lock, { force: true });
    }
  }

  async #take(lock: string): Promise<void> {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const { now, delay, signal } = this.#world;
    const until = now() + LOCK_WAIT_MS;
    while (!tryLock(lock, now())) {
      signal.throwIfAborted();
      if (now() > until)
        throw cliError("login_busy", {
          text: `Another portcullis command has held ${lock} for ${LOCK_WAIT_MS / 1000} s. If there is none, delete that file.`,
        });
      await delay(LOOK_AGAIN_MS, signal);
    }
  }
}

function configurationFolder(env: Io["env"]): string {
  const { XDG_CONFIG_HOME: configured } = env;
  // As the specification says: one that is not absolute is ignored.
  if (configured && isAbsolute(configured)) return configured;
  return join(env.HOME || homedir(), ".config");
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

function readLogin(file: string): Login | undefined {
  try {
    return loginSchema.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw cliError("usage", {
      text: `${file} cannot be read as a sign-in. Delete it, and run portcullis login.`,
      cause: error,
    });
  }
}

function tryLock(lock: string, now: number): boolean {
  try {
    writeFileSync(lock, String(process.pid), { mode: 0o600, flag: "wx" });
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    if (isDead(lock, now)) rmSync(lock, { force: true });
    return false;
  }
}

function isDead(lock: string, now: number): boolean {
  try {
    return now - statSync(lock).mtimeMs > STALE_LOCK_MS || !isRunning(Number(readFileSync(lock, "utf8")));
  } catch {
    // Gone already.
    return false;
  }
}

function isRunning(pid: number): boolean {
  // Its owner is just writing it.
  if (!(pid > 0)) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
