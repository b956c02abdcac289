/** What DESIGN says of a verdict, in the plainest words: every record is looked at, every time. */
import {
  encodeIdentifier,
  isMembership,
  REASON_CODES,
  type RevocableClaims,
  type RevocationRecord,
  type Scope,
} from "@portcullis/protocol";
import type { KeySpace, RevocationKey, Verdict } from "@portcullis/revocation";
import fc from "fast-check";
import { LIFETIME_SECONDS, SKEW_SECONDS, START_SECONDS } from "./memory-log.ts";

const MOST_SPECIFIC_FIRST: readonly Scope[] = [
  "token",
  "session",
  "grant",
  "dpop-key",
  "key",
  "subject-client",
  "subject-audience",
  "subject-organization",
  "subject",
  "client",
  "audience",
  "organization",
  "issuer",
];

export interface Token {
  readonly claims: RevocableClaims;
  readonly header: { readonly kid?: string };
}

export function oracleVerdict(
  records: readonly RevocationRecord[],
  token: Token,
  keySpace: KeySpace,
): Verdict {
  for (const [mode, outcome] of [
    ["kill", "killed"],
    ["stale", "stale"],
  ] as const) {
    for (const scope of MOST_SPECIFIC_FIRST) {
      // Only audiences are several, and the first of them that denies is the one that is named.
      for (const key of keysOf(token, scope)) {
        const bytes = keySpace.keyOf(scope, key);
        const named = records.filter(
          (record) =>
            record.scope === scope && record.mode === mode && Buffer.compare(record.key, bytes) === 0,
        );
        const denying = named.filter((record) => denies(record, token));
        if (denying.length === 0) continue;
        const reason = isMembership(scope, mode) ? leastReason(denying) : reasonOfGreatestSeq(named);
        return { outcome, scope, reason };
      }
    }
  }
  return { outcome: "allow" };
}

function denies(record: RevocationRecord, { claims }: Token): boolean {
  if (isMembership(record.scope, record.mode)) return true;
  return claims.rv === undefined ? claims.iat <= record.revokedAt + SKEW_SECONDS : claims.rv < record.seq;
}

const leastReason = (records: readonly RevocationRecord[]) =>
  records.map(({ reason }) => reason).sort((left, right) => REASON_CODES[left] - REASON_CODES[right])[0]!;

const reasonOfGreatestSeq = (records: readonly RevocationRecord[]) =>
  [...records].sort((left, right) => right.seq - left.seq)[0]!.reason;

function keysOf({ claims, header }: Token, scope: Scope): RevocationKey[] {
  const audience = [claims.aud ?? []].flat();
  const { sub, client_id: client, org: organization } = claims;
  const keys: Record<Scope, readonly RevocationKey[]> = {
    token: [claims.jti],
    session: [claims.sid],
    grant: [claims.gid],
    subject: [claims.sub],
    client: [claims.client_id],
    "subject-client": sub === undefined || client === undefined ? [] : [{ subject: sub, client }],
    "subject-audience": sub === undefined ? [] : audience.map((one) => ({ subject: sub, audience: one })),
    "subject-organization":
      sub === undefined || organization === undefined ? [] : [{ subject: sub, organization }],
    audience,
    organization: [claims.org],
    key: [header.kid],
    "dpop-key": [claims.cnf?.jkt],
    issuer: [undefined],
  };
  return scope === "issuer" ? [undefined] : keys[scope].filter((key) => key !== undefined);
}

/** Few names, so that records and tokens meet; zero words and equal words among the identifiers. */
const identifiers = [
  new Uint8Array(16),
  new Uint8Array(16).fill(255),
  Uint8Array.from([0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0]),
  Uint8Array.from([0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 1, 0, 0, 0, 0]),
  Uint8Array.from([9, 9, 9, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0]),
].map(encodeIdentifier);
const texts = ["ann", "bob", "not an identifier"];
const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });
const identifier = fc.constantFrom(...identifiers, texts[2]!);
const text = fc.constantFrom(...texts);

/** A token's `exp` follows from its `jti`: there is one token of a `jti`. */
export const expiryOf = (jti: string): number =>
  START_SECONDS + 100 * (1 + ((jti.charCodeAt(7) + jti.length) % 6));

export const tokens: fc.Arbitrary<Token> = fc
  .record({
    iat: fc.integer({ min: START_SECONDS - 60, max: START_SECONDS + 60 }),
    jti: maybe(identifier),
    sid: maybe(identifier),
    gid: maybe(identifier),
    sub: maybe(text),
    client_id: maybe(text),
    org: maybe(text),
    aud: maybe(fc.oneof(text, fc.array(text, { maxLength: 3 }))),
    rv: maybe(fc.integer({ min: 0, max: 40 })),
    jkt: maybe(text),
    kid: maybe(text),
  })
  .map(({ jkt, kid, ...rest }) => {
    const claims = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
    const exp = rest.jti === undefined ? START_SECONDS + 300 : expiryOf(rest.jti);
    return {
      claims: { iss: "issuer", exp, ...(jkt && { cnf: { jkt } }), ...claims } as RevocableClaims,
      header: kid === undefined ? {} : { kid },
    };
  });

export function recordsFor(keySpace: KeySpace, maxLength = 30): fc.Arbitrary<RevocationRecord[]> {
  return fc
    .array(draft(keySpace), { maxLength })
    .map((drafts) => drafts.map((record, index) => ({ ...record, seq: index + 1 })));
}

function draft(keySpace: KeySpace): fc.Arbitrary<Omit<RevocationRecord, "seq">> {
  return fc
    .record({
      scope: fc.constantFrom(...MOST_SPECIFIC_FIRST),
      mode: fc.constantFrom("kill" as const, "kill" as const, "stale" as const),
      reason: fc.constantFrom(
        "revoked" as const,
        "kicked" as const,
        "banned" as const,
        "possible_loss" as const,
      ),
      revokedAt: fc.integer({ min: START_SECONDS - 30, max: START_SECONDS + 30 }),
      identifier,
      text,
      second: text,
      withExpiry: fc.boolean(),
    })
    .map(({ identifier: id, text: subject, second, withExpiry, ...record }) => {
      const keys: Partial<Record<Scope, RevocationKey>> = {
        token: id,
        session: id,
        grant: id,
        "subject-client": { subject, client: second },
        "subject-audience": { subject, audience: second },
        "subject-organization": { subject, organization: second },
      };
      const key = record.scope === "issuer" ? undefined : (keys[record.scope] ?? subject);
      const known = record.scope === "token" && withExpiry;
      return {
        ...record,
        key: keySpace.keyOf(record.scope, key),
        expiresAt: record.revokedAt + LIFETIME_SECONDS + SKEW_SECONDS,
        ...(known ? { tokenExpiresAt: expiryOf(id) } : {}),
      };
    });
}
