import { type Argon2Parameters, argon2, timingSafeEqual } from "node:crypto";
import { beyond, type ForeignHash, foreignHash } from "./foreign-hashes.ts";
import { spellingOf } from "./password-rule.ts";

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane; about 20 ms on the thread pool. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const TAG_BYTES = 32;
const SALT_BYTES = 16;

export async function hashPassword(
  password: string,
  randomBytes: (size: number) => Uint8Array,
): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const tag = await derive(password, salt, {
    memory: MEMORY_KIB,
    passes: PASSES,
    lanes: LANES,
    tagBytes: TAG_BYTES,
  });
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$${base64(salt)}$${base64(tag)}`;
}

const PHC =
  /^\$argon2id\$v=19\$m=(\d{1,9}),t=(\d{1,4}),p=(\d{1,3})\$([A-Za-z0-9+/]{1,128})={0,2}\$([A-Za-z0-9+/]{1,172})={0,2}$/;

/** Off the main thread. A stored hash that cannot be read, or costs more than it may, verifies nothing. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const found = argon2Hash(stored) ?? foreignHash(stored);
  if (found === undefined || found.beyond !== undefined) return false;
  return found.verify(spellingOf(password));
}

/** What is wrong with a hash that an import brings, or undefined. */
export function problemOfHash(stored: string): string | undefined {
  const found = argon2Hash(stored) ?? foreignHash(stored);
  if (found === undefined)
    return "is of no form that is known here: $argon2id$, $2a$, $2b$, $2y$, $scrypt$ln=, $pbkdf2-sha256$ and the like";
  return found.beyond === undefined ? undefined : `costs more than it may; ${found.beyond}`;
}

const NEWEST = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=${LANES}$`;
/** Beyond, bcrypt looks at no more: which of the texts that begin so is the password, it cannot tell. */
const LONGEST_OF_BCRYPT = 72;

/** Whether a hash that this password fits is as good as a new one, or cannot be made into one. */
export const isNewestKind = (stored: string, password: string): boolean =>
  stored.startsWith(NEWEST) || (stored.startsWith("$2") && Buffer.byteLength(password) > LONGEST_OF_BCRYPT);

function argon2Hash(stored: string): ForeignHash | undefined {
  const match = PHC.exec(stored);
  if (match === null) return undefined;
  const [, memory, passes, lanes] = match.map(Number) as [number, number, number, number];
  const salt = Buffer.from(match[4]!, "base64");
  const expected = Buffer.from(match[5]!, "base64");
  // What the algorithm itself cannot do (RFC 9106, section 3.1), or would not be worth the name.
  if (passes < 1 || lanes < 1 || memory < 8 * lanes || salt.length < 8 || expected.length < 16)
    return undefined;
  return {
    kind: "argon2id",
    beyond: beyond("argon2MemoryKib", memory) ?? beyond("argon2KibPasses", memory * passes),
    async verify(password) {
      const tag = await derive(password, salt, { memory, passes, lanes, tagBytes: expected.length });
      return timingSafeEqual(tag, expected);
    },
  };
}

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly tagBytes: number;
}

function derive(password: string, salt: Uint8Array, cost: Cost): Promise<Buffer> {
  const parameters: Argon2Parameters = {
    message: spellingOf(password),
    nonce: salt,
    memory: cost.memory,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: cost.tagBytes,
  };
  return new Promise((resolve, reject) => {
    argon2("argon2id", parameters, (error, tag) => (error ? reject(error) : resolve(tag)));
  });
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64").replace(/=+$/, "");
