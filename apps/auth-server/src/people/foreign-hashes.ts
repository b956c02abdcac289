/**
 * Password hashes of other systems, which an import brings: bcrypt, scrypt, PBKDF2, and argon2id of another cost, in the forms that
 * are usual for them (PHC strings, and the modular crypt format that they come from). They are checked until the next sign-in, which
 * replaces them by one of ours. Their cost is capped: whoever imports sets what a sign-in costs this server.
 */
import { pbkdf2, scrypt, timingSafeEqual } from "node:crypto";
import { compareInWorker } from "./bcrypt-worker-client.ts";

/** The most that a hash may cost. */
export const HASH_LIMITS = {
  /** Some 1 to 2 s. */
  bcryptCost: 14,
  /** N times r times p; its memory is 128 bytes for each N and r. */
  scryptNrp: 2 ** 21,
  pbkdf2Iterations: 2_000_000,
  argon2MemoryKib: 256 * 1024,
  /** Memory times passes. */
  argon2KibPasses: 1024 * 1024,
} as const;

export interface ForeignHash {
  readonly kind: "bcrypt" | "scrypt" | "pbkdf2" | "argon2id";
  /** What is beyond a limit, with its name. Undefined: nothing is. */
  readonly beyond: string | undefined;
  verify(password: string): Promise<boolean>;
}

/** Undefined for what is of no form that is known here. argon2id is verified in password-hash.ts. */
export function foreignHash(stored: string): ForeignHash | undefined {
  return bcryptHash(stored) ?? scryptHash(stored) ?? pbkdf2Hash(stored);
}

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;

function bcryptHash(stored: string): ForeignHash | undefined {
  const match = BCRYPT.exec(stored);
  if (match === null) return undefined;
  const cost = Number(match[1]);
  return {
    kind: "bcrypt",
    beyond:
      beyond("bcryptCost", cost) ??
      (cost < 4 ? `a bcrypt cost of ${cost}, and 4 is the least there is` : undefined),
    verify: (password) => compareInWorker(password, stored),
  };
}

const SCRYPT =
  /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,4}),p=(\d{1,4})\$([A-Za-z0-9+/]+)={0,2}\$([A-Za-z0-9+/]+)={0,2}$/;
const MAX_SCRYPT_BYTES = 128 * HASH_LIMITS.scryptNrp;

function scryptHash(stored: string): ForeignHash | undefined {
  const match = SCRYPT.exec(stored);
  if (match === null) return undefined;
  const [, ln, r, p] = match.map(Number) as [number, number, number, number];
  const [salt, expected] = [bytesOf(match[4]!), bytesOf(match[5]!)];
  if (ln < 1 || r < 1 || p < 1 || !isLongEnough(expected)) return undefined;
  const options = { N: 2 ** ln, r, p, maxmem: MAX_SCRYPT_BYTES * 2 };
  return {
    kind: "scrypt",
    beyond: beyond("scryptNrp", 2 ** ln * r * p),
    verify: (password) => matches(expected, (done) => scrypt(password, salt, expected.length, options, done)),
  };
}

const PBKDF2 =
  /^\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,9})(?:,l=\d+)?\$([A-Za-z0-9+/.]*)={0,2}\$([A-Za-z0-9+/.]+)={0,2}$/;

function pbkdf2Hash(stored: string): ForeignHash | undefined {
  const match = PBKDF2.exec(stored);
  if (match === null) return undefined;
  const [, digest = "sha1", iterations] = match;
  const [salt, expected] = [bytesOf(match[3]!), bytesOf(match[4]!)];
  const count = Number(iterations);
  if (count < 1 || !isLongEnough(expected)) return undefined;
  return {
    kind: "pbkdf2",
    beyond: beyond("pbkdf2Iterations", count),
    verify: (password) =>
      matches(expected, (done) => pbkdf2(password, salt, count, expected.length, digest, done)),
  };
}

type Done = (error: Error | null, key: Buffer) => void;

const matches = (expected: Buffer, derive: (done: Done) => void): Promise<boolean> =>
  new Promise((resolve, reject) => {
    derive((error, key) => (error ? reject(error) : resolve(timingSafeEqual(key, expected))));
  });

/** Passlib writes a point where others write a plus. */
const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll(".", "+"), "base64");

/** A key of some bytes would fit a guess too soon; one of very many would cost what no limit names. */
const isLongEnough = ({ length }: Buffer): boolean => length >= 16 && length <= 128;

export function beyond(limit: keyof typeof HASH_LIMITS, found: number): string | undefined {
  const most = HASH_LIMITS[limit];
  return found > most ? `${limit}: found ${found}, and ${most} is the most` : undefined;
}
