// Runs outside of the repository, on a Node that is not ours, against the installed tarballs.
import { createSign, generateKeyPairSync, randomBytes } from "node:crypto";
import { localKeySource } from "@portcullis/access-token";
import { createClient } from "@portcullis/client";
import { createGuard } from "@portcullis/guard";
import "@portcullis/guard/node";
import "@portcullis/revocation/threads";
import { encodeIdentifier } from "@portcullis/protocol";
import { createKeySpace, RevocationIndex } from "@portcullis/revocation";

const issuer = "https://login.example";
const audience = "https://orders.example";
const nowSeconds = () => Math.floor(Date.now() / 1000);
const base64url = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const sid = encodeIdentifier(randomBytes(16));

function mint() {
  const iat = nowSeconds();
  const claims = { iss: issuer, aud: audience, sub: "ada", client_id: "web", iat, exp: iat + 60, rv: 0, sid };
  const header = { alg: "ES256", typ: "at+jwt", kid: "k1" };
  const body = `${base64url(header)}.${base64url({ ...claims, jti: encodeIdentifier(randomBytes(16)) })}`;
  const signature = createSign("sha256")
    .update(body)
    .sign({ key: privateKey, dsaEncoding: "ieee-p1363" }, "base64url");
  return `${body}.${signature}`;
}

const keySpace = createKeySpace(randomBytes(32));
const index = new RevocationIndex({ tokenLifetimeSeconds: 600, clockSkewSeconds: 5 });
const guard = createGuard({
  issuer,
  audience,
  keys: localKeySource({
    keys: [{ ...publicKey.export({ format: "jwk" }), kid: "k1", alg: "ES256", use: "sig" }],
  }),
  revocations: {
    coordinatesOf: (claims, header) => keySpace.coordinatesOf(claims, header),
    verdict: (coordinates) => index.verdict(coordinates),
    freshness: () => ({ ready: true, ageMs: 0 }),
    leaseMs: 5000,
  },
});

const authorization = `Bearer ${mint()}`;
const before = await guard.authenticate(authorization);
index.apply({
  seq: 1,
  scope: "session",
  mode: "kill",
  reason: "logged_out",
  key: keySpace.keyOf("session", sid),
  revokedAt: nowSeconds(),
  expiresAt: nowSeconds() + 605,
});
const after = await guard.authenticate(authorization);

process.stdout.write(
  JSON.stringify({
    node: process.version,
    before: before.outcome,
    after: after.outcome,
    status: after.status,
    reason: after.body?.reason,
    clientLoads: typeof createClient === "function",
  }),
);
