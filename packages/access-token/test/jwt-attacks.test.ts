/** The attacks on JWTs that verifiers fell for: each is refused, with its code, and nothing is fetched. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeJson,
  generateSigningKey,
  newIdentifier,
  signatureOf,
  signJwt,
  signWithPublicKeyAsSecret,
} from "@portcullis/testing";
import { claims, codeOf, ISSUER, KEYS, mint, verifier } from "./token.ts";

const key = KEYS.ES256;
const attacker = generateSigningKey("ES256", key.kid);
const header = { alg: "ES256", kid: key.kid, typ: "at+jwt" };
const unsigned = (alg: string) => `${encodeJson({ ...header, alg })}.${encodeJson(claims())}.`;
const withPayload = (json: string) => signJwt(key, header, json);
const withMember = (member: string) => withPayload(`${JSON.stringify(claims()).slice(0, -1)},${member}}`);
const withHeader = (json: string) => signJwt(key, json, claims());

const ATTACKS: readonly (readonly [name: string, token: () => string, code: string])[] = [
  ["alg none, without a signature", () => unsigned("none"), "malformed_token"],
  ["alg None with some signature", () => `${unsigned("None")}AAAA`, "unsupported_algorithm"],
  ["alg none with the good signature", () => mint({}, { alg: "none" }), "unsupported_algorithm"],
  [
    "HS256 with the public key as secret",
    () => signWithPublicKeyAsSecret(KEYS.RS256, { ...header, alg: "HS256", kid: "rs" }, claims()),
    "unsupported_algorithm",
  ],
  [
    "RS256 named, keyed by HMAC of the public key",
    () => signWithPublicKeyAsSecret(KEYS.RS256, { ...header, alg: "RS256", kid: "rs" }, claims()),
    "bad_signature",
  ],
  ["alg of an object's prototype", () => mint({}, { alg: "toString" }), "unsupported_algorithm"],
  ["alg that is no text", () => mint({}, { alg: ["ES256"] }), "unsupported_algorithm"],
  ["alg in lower case", () => mint({}, { alg: "es256" }), "unsupported_algorithm"],
  ["no alg", () => mint({}, { alg: undefined }), "unsupported_algorithm"],
  ["another algorithm than the key's", () => mint({}, { alg: "RS256" }), "unknown_key"],
  [
    "RS256's key used with PS256",
    () => mint({}, { alg: "PS256", kid: "rs" }, { ...KEYS.RS256, alg: "PS256" }),
    "unknown_key",
  ],
  [
    "an ECDSA signature of zeros",
    () => `${mint().split(".").slice(0, 2).join(".")}.${Buffer.alloc(64).toString("base64url")}`,
    "bad_signature",
  ],
  [
    "an ECDSA signature in DER",
    () => `${mint().split(".").slice(0, 2).join(".")}.${Buffer.alloc(70, 0x30).toString("base64url")}`,
    "bad_signature",
  ],
  ["another's key under our kid", () => mint({}, {}, attacker), "bad_signature"],
  ["an embedded jwk", () => mint({}, { jwk: attacker.jwk }, attacker), "bad_signature"],
  ["a jku", () => mint({}, { jku: "http://127.0.0.1:9/jwks" }, attacker), "bad_signature"],
  ["an x5u", () => mint({}, { x5u: "http://127.0.0.1:9/cert" }, attacker), "bad_signature"],
  ["an x5c", () => mint({}, { x5c: ["MIIB"] }, attacker), "bad_signature"],
  ["kid as a path", () => mint({}, { kid: "../../../../dev/null" }), "unknown_key"],
  ["kid as SQL", () => mint({}, { kid: "x' UNION SELECT 'secret' --" }), "unknown_key"],
  ["kid of an object's prototype", () => mint({}, { kid: "__proto__" }), "unknown_key"],
  ["kid that is no text", () => mint({}, { kid: { toString: "es" } }), "malformed_token"],
  ["kid of 129 characters", () => mint({}, { kid: "k".repeat(129) }), "malformed_token"],
  ["an empty kid", () => mint({}, { kid: "" }), "malformed_token"],
  ["no kid", () => mint({}, { kid: undefined }), "malformed_token"],
  ["an unknown crit", () => mint({}, { crit: ["exp"] }), "unsupported_header"],
  ["an empty crit", () => mint({}, { crit: [] }), "unsupported_header"],
  ["b64 false", () => mint({}, { b64: false, crit: ["b64"] }), "unsupported_header"],
  ["b64 without crit", () => mint({}, { b64: false }), "unsupported_header"],
  ["enc", () => mint({}, { enc: "A128GCM" }), "unsupported_header"],
  ["zip", () => mint({}, { zip: "DEF" }), "unsupported_header"],
  ["a nested token", () => signJwt(key, { ...header, cty: "JWT" }, `"${mint()}"`), "unsupported_header"],
  ["a nested token without cty", () => signJwt(key, header, `"${mint()}"`), "malformed_token"],
  ["an encrypted token of five parts", () => `${mint()}.AAAA.BBBB`, "malformed_token"],
  ["an ID token", () => mint({}, { typ: "JWT" }), "wrong_type"],
  ["a logout token", () => mint({}, { typ: "logout+jwt" }), "wrong_type"],
  ["a transaction token", () => mint({}, { typ: "txntoken+jwt" }), "wrong_type"],
  ["a DPoP proof", () => mint({}, { typ: "dpop+jwt" }), "wrong_type"],
  ["no typ", () => mint({}, { typ: undefined }), "wrong_type"],
  ["typ that is no text", () => mint({}, { typ: ["at+jwt"] }), "wrong_type"],
  ["another issuer", () => mint({ iss: "https://evil.example" }), "wrong_issuer"],
  ["our issuer with a slash behind", () => mint({ iss: `${ISSUER}/` }), "wrong_issuer"],
  ["our issuer in other case", () => mint({ iss: ISSUER.toUpperCase() }), "wrong_issuer"],
  ["a list of issuers", () => mint({ iss: [ISSUER] }), "malformed_claims"],
  ["another audience", () => mint({ aud: "https://other.example" }), "wrong_audience"],
  [
    "an audience that ours is the start of",
    () => mint({ aud: "https://orders.example.evil" }),
    "wrong_audience",
  ],
  ["an empty list of audiences", () => mint({ aud: [] }), "malformed_claims"],
  [
    "an audience that is an object",
    () => mint({ aud: { "https://orders.example": true } }),
    "malformed_claims",
  ],
  ["a header of 9,000 characters", () => mint({}, { padding: "x".repeat(7000) }), "token_too_long"],
  ["a payload of 9,000 characters", () => mint({ padding: "x".repeat(7000) }), "token_too_long"],
  ["an exp beyond every date", () => withMember('"nbf":1e300'), "malformed_claims"],
  ["an infinite number", () => withMember('"x":1e999'), "malformed_token"],
  ["an exp of 2^53", () => mint({ exp: 2 ** 53 }), "malformed_claims"],
  ["an exp below zero", () => mint({ exp: -1 }), "malformed_claims"],
  ["an exp as text", () => mint({ exp: "9999999999" }), "malformed_claims"],
  ["an exp with a fraction", () => mint({ exp: 1_800_000_000.5 }), "malformed_claims"],
  ["an exp of null", () => mint({ exp: null }), "malformed_claims"],
  ["an rv beyond every seq", () => mint({ rv: 1e300 }), "malformed_claims"],
  ["an rv below zero", () => mint({ rv: -1 }), "malformed_claims"],
  ["an rv as text", () => mint({ rv: "9" }), "malformed_claims"],
  ["a sid that is a number", () => mint({ sid: 7 }), "malformed_claims"],
  ["a gid that is a list", () => mint({ gid: [newIdentifier()] }), "malformed_claims"],
  ["an org that is empty", () => mint({ org: "" }), "malformed_claims"],
  ["a cnf that is a text", () => mint({ cnf: "jkt" }), "malformed_claims"],
  ["a sub too long to be revoked", () => mint({ sub: "s".repeat(513) }), "malformed_claims"],
  ["a scope that is a list", () => mint({ scope: ["orders.read"] }), "malformed_claims"],
  ["a second sub", () => withMember('"sub":"admin"'), "malformed_token"],
  ["a second sub, spelled with an escape", () => withMember('"\\u0073ub":"admin"'), "malformed_token"],
  [
    "a second member deep inside",
    () => withMember('"act":{"sub":"a","x":[{"sub":"b","sub":"c"}]}'),
    "malformed_token",
  ],
  [
    "a second alg in the header",
    () => withHeader(`{"alg":"none","kid":"es","typ":"at+jwt","alg":"ES256"}`),
    "malformed_token",
  ],
  ["__proto__ as a claim", () => withMember('"__proto__":{"sub":"admin"}'), "malformed_token"],
  ["__proto__ as a claim, escaped", () => withMember('"\\u005f_proto__":{"sub":"admin"}'), "malformed_token"],
  [
    "constructor as a claim",
    () => withMember('"constructor":{"prototype":{"sub":"admin"}}'),
    "malformed_token",
  ],
  [
    "__proto__ in the header",
    () => withHeader(`{"alg":"ES256","kid":"es","typ":"at+jwt","__proto__":{"x":1}}`),
    "malformed_token",
  ],
  ["a payload that is a list", () => withPayload("[]"), "malformed_token"],
  ["a payload that is null", () => withPayload("null"), "malformed_token"],
  ["a payload with something behind", () => withPayload(`${JSON.stringify(claims())} {}`), "malformed_token"],
  [
    "a payload that is not UTF-8",
    () => signJwtBytes(Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xff]), Buffer.from('"}')])),
    "malformed_token",
  ],
  [
    "a byte order mark in the payload",
    () => withPayload(`\ufeff${JSON.stringify(claims())}`),
    "malformed_token",
  ],
  [
    "a payload nested 5,000 deep",
    () => withPayload(`${"[".repeat(2500)}${"]".repeat(2500)}`),
    "malformed_token",
  ],
  [
    "an object nested 100 deep",
    () => withMember(`"x":${'{"x":'.repeat(100)}1${"}".repeat(100)}`),
    "malformed_token",
  ],
  ["nothing", () => "", "malformed_token"],
  ["two dots", () => "..", "malformed_token"],
  ["a token that is no text", () => null as never, "malformed_token"],
];

function signJwtBytes(payload: Buffer): string {
  // signJwt encodes texts as UTF-8, so the bytes are put in by hand.
  const decoy = signJwt(key, header, "{}").split(".");
  const signed = `${decoy[0]}.${payload.toString("base64url")}`;
  return `${signed}.${signatureOf(key, Buffer.from(signed)).toString("base64url")}`;
}

for (const [name, token, code] of ATTACKS) {
  test(`${name} is refused: ${code}`, async () => {
    const attack = token();
    assert.equal(await codeOf(() => verifier().verify(attack), attack ?? ""), code);
  });
}

for (const claim of ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]) {
  test(`a token without ${claim} is refused: missing_claim`, async () => {
    assert.equal(await codeOf(() => verifier().verify(mint({ [claim]: undefined }))), "missing_claim");
  });
}

test("a verifier that accepts ES256 only refuses the others", async () => {
  const strict = verifier({ algorithms: ["ES256"] });
  assert.ok(strict.verify(mint()));
  assert.equal(await codeOf(() => strict.verify(mint({}, {}, KEYS.RS256))), "unsupported_algorithm");
});
