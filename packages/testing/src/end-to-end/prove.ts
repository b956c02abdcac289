import assert from "node:assert/strict";
import { RECEIPT_HEADER } from "@portcullis/protocol";
import { bearer, challengeOf, type Exchange, exchange } from "./exchange.ts";
import { type HeldCall, holdCall } from "./held-call.ts";
import { type Call, type Load, startLoad } from "./load.ts";
import type { Stack } from "./stack.ts";
import { until } from "./until.ts";

/** What every way of revoking gives back: when its receipt arrived, and what it said. */
export interface Proof {
  readonly answeredAt: number;
  readonly receipt: { readonly state: string; readonly acked: number; readonly leased: number };
}

export interface Promised {
  readonly stack: Stack;
  /** The token that the revocation must end. */
  readonly dead: string;
  /** Tokens that it must not touch. */
  readonly alive?: readonly string[];
  readonly reason: string;
  readonly revoke: () => Promise<Proof>;
  /** Verifiers that must have confirmed: the gateway and the orders service unless told. */
  readonly verifiers?: number;
}

const ENOUGH = 8;

/**
 * The promise, under load: calls with the token go on without a pause through the gateway and straight to the
 * service while it is revoked. The receipt says `enforced`. Every call that begins after it is 401 with the reason, and so is
 * one that was let in before it and is not over. The tokens that should live on do.
 *
 * Only what one event makes the other wait for is judged. A 200 whose head is read here after the receipt may have been sent
 * long before (see `Exchange.answeredAt`), so that it says nothing.
 */
export async function proveRevocation(promised: Promised): Promise<readonly Call[]> {
  const { stack, dead, alive = [], reason } = promised;
  for (const token of [dead, ...alive]) await assertEverywhere(stack, token, 200);
  const load = startLoad({ ways: stack.ways(), token: dead });
  try {
    await enoughCalls(load, stack, (call) => call.status === 200, "calls with 200 before the revocation");
    const held = await holdOneOnEachWay(stack, dead);
    const proof = await promised.revoke();
    const { state, acked, leased } = proof.receipt;
    const verifiers = promised.verifiers ?? 2;
    assert.deepEqual({ state, acked, leased }, { state: "enforced", acked: verifiers, leased: verifiers });
    for (const call of held) await assertEnded(call, reason);
    await enoughCalls(load, stack, (call) => call.sentAt > proof.answeredAt, "calls sent after the receipt");
    assertNothingPassed(await load.stop(), proof.answeredAt, reason);
  } finally {
    await load.stop();
  }
  assert.deepEqual(load.failures, []);
  await assertEverywhere(stack, dead, 401, reason);
  for (const token of alive) await assertEverywhere(stack, token, 200);
  return load.calls;
}

const holdOneOnEachWay = (stack: Stack, token: string): Promise<readonly HeldCall[]> =>
  Promise.all(Object.entries(stack.ways()).map(([way, url]) => holdCall(way, url, token)));

/**
 * The gateway ends it by itself, and what it never gets it has not passed on. A service sees its body first, and then asks again
 * before it answers.
 */
async function assertEnded({ way, ended, sendBody }: HeldCall, reason: string): Promise<void> {
  if (way !== "gateway") sendBody();
  const answer = await ended;
  const expected = { status: 401, reason };
  assert.deepEqual(
    { ...expected, ...answer },
    { ...answer, ...expected },
    `${way}, let in before the receipt`,
  );
}

function assertNothingPassed(calls: readonly Call[], receiptAt: number, reason: string): void {
  const late = calls.filter((call) => call.status === 200 && call.sentAt > receiptAt);
  const lateness = late.map((call) => ({ way: call.way, sentAfterReceiptMs: call.sentAt - receiptAt }));
  assert.deepEqual(lateness, [], "no call that begins after the receipt is let in");
  const others = calls.filter(({ status }) => status !== 200);
  for (const call of others) assert.deepEqual({ ...call, status: 401, reason }, call);
  for (const way of new Set(calls.map((call) => call.way))) {
    const statuses = calls.filter((call) => call.way === way).map((call) => call.status);
    assert.ok(statuses.includes(200) && statuses.includes(401), `${way} saw both the 200 and the 401`);
  }
}

async function enoughCalls(load: Load, stack: Stack, counts: (call: Call) => boolean, what: string) {
  const ways = Object.keys(stack.ways());
  await until(
    () => ways.every((way) => load.calls.filter((call) => call.way === way && counts(call)).length >= ENOUGH),
    { what: `${ENOUGH} ${what}, on every way (failures: ${load.failures.map(String)})` },
  );
}

/** Asks through the gateway and straight at the service. */
export async function assertEverywhere(
  stack: Stack,
  token: string,
  status: number,
  reason?: string,
): Promise<void> {
  for (const [way, url] of Object.entries(stack.ways())) {
    const answer = await exchange(url, { headers: bearer(token) });
    assert.equal(answer.status, status, `${way}: ${answer.body}`);
    if (reason !== undefined) assertRefused(answer, reason);
  }
}

/** A 401 that says why, in the challenge and in the body alike. */
export function assertRefused(answer: Exchange, reason: string): void {
  assert.equal(answer.status, 401, answer.body);
  const challenge = challengeOf(answer);
  assert.equal(challenge?.error, "invalid_token");
  assert.equal(challenge?.reason, reason);
  assert.equal(JSON.parse(answer.body).reason, reason);
}

/** The receipt in a header, where a standard fixes the body. */
export function receiptOf(answer: Exchange): Proof["receipt"] | undefined {
  const header = answer.headers[RECEIPT_HEADER];
  if (typeof header !== "string") return undefined;
  const members = Object.fromEntries(
    header.split(/,\s*/).map((member) => member.split("=") as [string, string]),
  );
  return { state: members.state ?? "", acked: Number(members.acked), leased: Number(members.leased) };
}

/** The proof in a sequence of answers, one of which carries the receipt. */
export function proofIn(answers: readonly Exchange[]): Proof {
  for (const answer of answers) {
    const receipt = receiptOf(answer);
    if (receipt !== undefined) return { receipt, answeredAt: answer.answeredAt };
  }
  throw new Error(`no receipt in ${answers.length} answers; the last: ${answers.at(-1)?.body}`);
}
