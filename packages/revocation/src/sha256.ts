import * as crypto from "node:crypto";

type OneShot = (algorithm: string, data: Uint8Array, encoding: "buffer") => Uint8Array;

/** One call without an object for it, where this Node has that (20.12 and later): the chain hashes every record. */
const oneShot = (crypto as { hash?: OneShot }).hash;

export const sha256: (bytes: Uint8Array) => Uint8Array =
  oneShot === undefined
    ? (bytes) => crypto.createHash("sha256").update(bytes).digest()
    : (bytes) => oneShot("sha256", bytes, "buffer");
