import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
} from "node:crypto";
import { chmodSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { gatewayError } from "../errors.ts";

export interface SigningKey {
  readonly kid: string;
  /** The public half (RFC 7517). */
  readonly jwk: Readonly<Record<string, string>>;
  /** ES256 over the text, as base64url (RFC 7515, appendix A.3). */
  sign(text: string): string;
}

/** Reads the private key, or makes one at the first start. */
export function openSigningKey(file: string): SigningKey {
  const key = readKey(file) ?? makeKey(file);
  const { x, y } = createPublicKey(key).export({ format: "jwk" }) as { x: string; y: string };
  const kid = thumbprint(x, y);
  const signer = { key, dsaEncoding: "ieee-p1363" } as const;
  return {
    kid,
    jwk: Object.freeze({ kty: "EC", crv: "P-256", x, y, use: "sig", alg: "ES256", kid }),
    sign: (text) => sign("sha256", Buffer.from(text), signer).toString("base64url"),
  };
}

/** RFC 7638: members in this order, no white space. */
const thumbprint = (x: string, y: string): string =>
  createHash("sha256").update(`{"crv":"P-256","kty":"EC","x":"${x}","y":"${y}"}`).digest("base64url");

function readKey(file: string): KeyObject | undefined {
  const mode = statSync(file, { throwIfNoEntry: false })?.mode;
  if (mode === undefined) return undefined;
  // Whoever reads this key can be anybody to every service. Windows has no such bits.
  if (process.platform !== "win32" && (mode & 0o077) !== 0) {
    throw unsafe(
      file,
      `its mode is ${(mode & 0o777).toString(8)}; others can read it, so replace it or chmod 600`,
    );
  }
  return parseKey(file);
}

function parseKey(file: string): KeyObject {
  try {
    const key = createPrivateKey({ key: JSON.parse(readFileSync(file, "utf8")), format: "jwk" });
    if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") throw new Error("not a P-256 key");
    return key;
  } catch (cause) {
    throw unsafe(file, "it holds no private P-256 key as a JWK; remove it to have one made", cause);
  }
}

/** Written whole beside its place and then linked into it: two gateways starting at once end with one key. */
function makeKey(file: string): KeyObject {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const draft = `${file}.${process.pid}.new`;
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(draft, JSON.stringify(privateKey.export({ format: "jwk" })), { mode: 0o600 });
  chmodSync(draft, 0o600);
  try {
    linkSync(draft, file);
    return privateKey;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return parseKey(file);
  } finally {
    rmSync(draft, { force: true });
  }
}

const unsafe = (file: string, why: string, cause?: unknown) =>
  gatewayError("unsafe_key_file", { text: `transactionToken.keyFile ${file}: ${why}`, cause });
