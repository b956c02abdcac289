/** Encryption under a secret that only its holder has: what is sealed for a token cannot be read out of the database. */
import { createCipheriv, createDecipheriv, hkdfSync } from "node:crypto";
import type { RandomBytes } from "./identifiers.ts";

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

export function seal(secret: string, plaintext: string, randomBytes: RandomBytes): Uint8Array {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv("aes-256-gcm", keyOf(secret), nonce);
  const ciphertext = Buffer.concat([cipher.update(plaintext, "utf8"), cipher.final()]);
  return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext]);
}

/** Texts that leave this server for a while, and that whoever keeps them must not read. */
export interface Sealed {
  seal(text: string): string;
  /** Undefined for what was not sealed with this secret. */
  open(sealed: string): string | undefined;
}

export const createSealed = (secret: string, randomBytes: RandomBytes): Sealed => ({
  seal: (text) => Buffer.from(seal(secret, text, randomBytes)).toString("base64url"),
  open(sealed) {
    try {
      return unseal(secret, Buffer.from(sealed, "base64url"));
    } catch {
      return undefined;
    }
  },
});

/** Throws when the secret is another one or the bytes were changed. */
export function unseal(secret: string, sealed: Uint8Array): string {
  const decipher = createDecipheriv("aes-256-gcm", keyOf(secret), sealed.subarray(0, NONCE_BYTES));
  decipher.setAuthTag(sealed.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES));
  const plaintext = decipher.update(sealed.subarray(NONCE_BYTES + TAG_BYTES));
  return Buffer.concat([plaintext, decipher.final()]).toString("utf8");
}

/** Tokens are random, so that HKDF needs no salt; the purpose keeps the key apart from the hash it is found by. */
function keyOf(secret: string): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", secret, "", "portcullis refresh successor v1", 32));
}
