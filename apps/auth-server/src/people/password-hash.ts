import { type Argon2Parameters, argon2, timingSafeEqual } from "node:crypto";

/** OWASP's first choice for argon2id: 19 MiB, two passes, one lane; about 20 ms on the thread pool. */
const MEMORY_KIB = 19_456;
const PASSES = 2;
const LANES = 1;
const TAG_BYTES = 32;
const SALT_BYTES = 16;

/** More would only make the server hash longer texts for strangers. */
export const LONGEST_PASSWORD = 1024;

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

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** Off the main thread. A stored hash that cannot be read verifies nothing. */
export async function verifyPassword(password: string, stored: string): Promise<boolean> {
  const match = PHC.exec(stored);
  if (match === null) return false;
  const expected = Buffer.from(match[5]!, "base64");
  const tag = await derive(password, Buffer.from(match[4]!, "base64"), {
    memory: Number(match[1]),
    passes: Number(match[2]),
    lanes: Number(match[3]),
    tagBytes: expected.length,
  });
  return timingSafeEqual(tag, expected);
}

interface Cost {
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  readonly tagBytes: number;
}

function derive(password: string, salt: Uint8Array, cost: Cost): Promise<Buffer> {
  const parameters: Argon2Parameters = {
    // Spellings of one password that keyboards differ in (a composed or decomposed accent) are one password.
    message: password.normalize("NFC"),
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
