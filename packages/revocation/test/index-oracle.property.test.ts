/** What an index says is what a list and a map say, wherever it is read. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { encodeIdentifier, encodeRecords, type RevocationRecord } from "@portcullis/protocol";
import fc from "fast-check";
import {
  IndexOfAnotherThread,
  type IndexSubject,
  keySpace,
  PlainIndex,
  type Times,
} from "./index-subject.ts";
import { LIFETIME_SECONDS, SKEW_SECONDS, START_SECONDS } from "./memory-log.ts";
import { oracleVerdict, recordsFor, type Token, tokens } from "./oracle.ts";
import { identifierOf } from "./threads/tokens.ts";

const SPAN = LIFETIME_SECONDS + SKEW_SECONDS;
const startOfTime = (): Times => ({ wallSeconds: START_SECONDS, monotonicSeconds: 0 });

for (const [where, create] of [
  ["read by the thread that writes", () => new PlainIndex()],
  ["read by another thread", () => new IndexOfAnotherThread()],
] as const) {
  describe(where, () => {
    const subject = create();
    after(() => subject.close());
    test("any records, in any order, parts and repetitions, give what looking at every record gives", () =>
      agreesWithList(subject));
    test("through growth, rotation and two clocks, all that lives is found, and nothing that was not put in", () =>
      agreesWithMap(subject));
  });
}

const delivered = recordsFor(keySpace, 40).chain((records) =>
  fc.tuple(
    fc.constant(records),
    fc.shuffledSubarray([...records, ...records], { minLength: records.length * 2 }),
    fc.integer({ min: 1, max: 9 }),
  ),
);

async function agreesWithList(subject: IndexSubject): Promise<void> {
  await fc.assert(
    fc.asyncProperty(delivered, fc.array(tokens, { minLength: 1, maxLength: 8 }), async (delivery, asked) => {
      const [records, order, batchSize] = delivery;
      const index = subject.begin(startOfTime());
      // Asked half-way too, so that a reader follows the rest from change to change.
      await subject.verdicts(asked);
      for (let at = 0; at < order.length; at += batchSize) {
        index.applyEncoded(encodeRecords(order.slice(at, at + batchSize)));
        if (at < order.length / 2) await subject.verdicts(asked.slice(0, 1));
      }
      const expected = asked.map((token) => oracleVerdict(records, token, keySpace));
      assert.deepEqual(await subject.verdicts(asked), expected);
    }),
    { numRuns: 200 },
  );
}

type Kind = "session" | "token" | "subject";
type Step =
  | { readonly type: "apply"; readonly kind: Kind; readonly count: number; readonly life: number }
  | { readonly type: "pass"; readonly wall: number; readonly monotonic: number };

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: apply() },
    {
      weight: 2,
      arbitrary: fc.integer({ min: 1, max: 900 }).map((seconds) => pass(seconds, seconds)),
    },
    {
      weight: 1,
      arbitrary: fc
        .tuple(fc.integer({ min: -90_000, max: 90_000 }), fc.integer({ min: 0, max: 900 }))
        .map(([wall, monotonic]) => pass(wall, monotonic)),
    },
  ),
  { minLength: 3, maxLength: 14 },
);

function apply(): fc.Arbitrary<Step> {
  return fc.record({
    type: fc.constant("apply" as const),
    kind: fc.constantFrom("session" as const, "session" as const, "token" as const, "subject" as const),
    count: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 4000 })),
    life: fc.integer({ min: 1, max: 2 * SPAN }),
  });
}

const pass = (wall: number, monotonic: number): Step => ({ type: "pass", wall, monotonic });

interface Known {
  readonly token: Token;
  readonly expiresAt: number;
  /** On the monotonic clock: as long as the log gave it to live. */
  readonly heldUntil: number;
  /** Both clocks have been past its end at once. */
  over: boolean;
}

async function agreesWithMap(subject: IndexSubject): Promise<void> {
  await fc.assert(
    fc.asyncProperty(steps, async (sequence) => {
      const clock = startOfTime();
      const index = subject.begin(clock);
      const known = new Map<number, Known>();
      for (const step of sequence) {
        if (step.type === "apply") {
          const added = revocations(step, clock, known);
          index.applyEncoded(encodeRecords(added));
        } else {
          clock.wallSeconds += step.wall;
          clock.monotonicSeconds += step.monotonic;
          index.expire();
        }
        for (const one of known.values()) one.over ||= isOver(one, clock);
        await check(subject, known);
      }
    }),
    { numRuns: 40 },
  );
}

const isOver = ({ expiresAt, heldUntil }: Known, clock: Times): boolean =>
  clock.wallSeconds > expiresAt && clock.monotonicSeconds > heldUntil;

function revocations(
  { kind, count, life }: Extract<Step, { type: "apply" }>,
  clock: Times,
  known: Map<number, Known>,
): RevocationRecord[] {
  const revokedAt = clock.wallSeconds;
  const expiresAt = revokedAt + life;
  return Array.from({ length: count }, () => {
    const value = known.size + 1;
    const { key, token } = subjectOf(kind, value, expiresAt);
    known.set(value, { token, expiresAt, heldUntil: clock.monotonicSeconds + life, over: false });
    const withExp = kind === "token" ? { tokenExpiresAt: expiresAt } : {};
    return { seq: value, scope: kind, mode: "kill", reason: "kicked", key, revokedAt, expiresAt, ...withExp };
  });
}

function subjectOf(kind: Kind, value: number, exp: number): { key: Uint8Array; token: Token } {
  const base = { iss: "issuer", iat: START_SECONDS - 100_000, exp, rv: 0 };
  const key = kind === "subject" ? keySpace.keyOf("subject", `s${value}`) : nearKey(value);
  const name = encodeIdentifier(key);
  const claims = { session: { sid: name }, token: { jti: name }, subject: { sub: `s${value}` } }[kind];
  return { key, token: { claims: { ...base, ...claims }, header: {} } };
}

/** Every fourth is the key before it but for one bit. */
function nearKey(value: number): Uint8Array {
  if (value % 4 !== 0) return identifierOf(value);
  const key = identifierOf(value - 1);
  const bit = (value >> 2) % 128;
  key[bit >> 3]! ^= 1 << (bit & 7);
  return key;
}

const ASKED = 200;

async function check(subject: IndexSubject, known: ReadonlyMap<number, Known>): Promise<void> {
  const living = [...known.values()].filter(({ over }) => !over);
  const stride = Math.max(1, Math.floor(living.length / ASKED));
  const asked = living.filter((_, at) => at % stride === 0).map(({ token }) => token);
  for (const { outcome } of await subject.verdicts(asked)) assert.equal(outcome, "killed");
  const strangers = Array.from({ length: 20 }, (_, at) => 900_001 + known.size + at);
  const kinds: readonly Kind[] = ["session", "token", "subject"];
  const foreign = strangers.map((value) => subjectOf(kinds[value % 3]!, value, START_SECONDS + SPAN).token);
  for (const { outcome } of await subject.verdicts(foreign)) assert.equal(outcome, "allow");
}
