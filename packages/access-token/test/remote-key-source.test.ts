import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import { keySetOf } from "@portcullis/issuer";
import { KEY_CACHE_MAX_AGE_SECONDS } from "@portcullis/protocol";
import {
  AUDIENCE,
  FakeIssuer,
  FrozenClock,
  generateSigningKey,
  RecordedLog,
  sendJson,
  signJwt,
} from "@portcullis/testing";
import { createAccessTokenVerifier, type RemoteKeySourceOptions, remoteKeySource } from "../src/index.ts";
import { codeOf } from "./token.ts";

let issuer: FakeIssuer;
let clock: FrozenClock;
beforeEach(async () => {
  clock = new FrozenClock();
  issuer = await FakeIssuer.start({ clock });
});
afterEach(() => issuer[Symbol.asyncDispose]());

const source = (options: Partial<RemoteKeySourceOptions> = {}) =>
  remoteKeySource({
    fetchKeySet: keySetOf({ issuer: issuer.issuer, timeoutMs: 60_000 }),
    clock,
    setTimer: clock.setTimer,
    ...options,
  });

/** Until so many timers run: whoever waits has one, and a fetch that is to come. */
async function timeFor(count: number): Promise<void> {
  while (clock.timers < count) await new Promise((resolve) => setImmediate(resolve));
}

/** Of what waits for the next fetch. */
async function codeAfterASecond(work: () => unknown): Promise<string> {
  const code = codeOf(work);
  await timeFor(2);
  clock.advance(1_000);
  return code;
}

type HeldAnswers = { readonly answers: ((set: object) => void)[] };

function holdJwks(): HeldAnswers {
  const answers: HeldAnswers["answers"] = [];
  answerJwks((response) => answers.push((set) => sendJson(response, set)));
  return { answers };
}

async function held({ answers }: HeldAnswers, count: number): Promise<void> {
  while (answers.length < count) await new Promise((resolve) => setImmediate(resolve));
}

function verifierOf(keys = source()) {
  const verifier = createAccessTokenVerifier({
    issuer: issuer.issuer,
    audience: AUDIENCE,
    keys,
    clock,
  });
  return { verifier, keys };
}
const stranger = (kid: string) => issuer.mint({}, { header: { kid } });

test("the first token waits for the keys, the next ones do not", async () => {
  const { verifier } = verifierOf();
  const first = verifier.verify(issuer.mint());
  assert.ok(first instanceof Promise);
  await first;
  assert.ok(!(verifier.verify(issuer.mint()) instanceof Promise));
  assert.deepEqual(issuer.fetches, { discovery: 1, jwks: 1 });
});

test("a hundred first tokens at once make one fetch", async () => {
  const { verifier } = verifierOf();
  await Promise.all(Array.from({ length: 100 }, () => verifier.verify(issuer.mint())));
  assert.deepEqual(issuer.fetches, { discovery: 1, jwks: 1 });
});

test("a token of a new key waits for the next fetch, and is not called bad", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  issuer.rotate();
  const verified = verifier.verify(issuer.mint());
  await timeFor(2);
  clock.advance(1_000);
  assert.ok(await verified);
  assert.equal(issuer.fetches.jwks, 2);
});

test("an unknown kid is called so by a fetch that began after its token came, and not by one before", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  clock.advance(5_000);
  const publish = holdJwks();
  const early = codeOf(() => verifier.verify(stranger("nobody")));
  await held(publish, 1);
  // Published while the answer of before is on its way.
  issuer.rotate();
  const late = verifier.verify(issuer.mint());
  publish.answers.shift()!({ keys: [issuer.keys[0]!.jwk] });
  assert.equal(await early, "unknown_key");
  await timeFor(2);
  clock.advance(1_000);
  await held(publish, 1);
  publish.answers.shift()!({ keys: issuer.keys.map(({ jwk }) => jwk) });
  assert.ok(await late);
});

test("whoever sends random kids costs the issuer one fetch a second, and others wait no longer", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  for (let round = 1; round <= 3; round++) {
    issuer.rotate();
    const storm = Array.from({ length: 200 }, (_, index) =>
      codeOf(() => verifier.verify(stranger(`k-${round}-${index}`))),
    );
    const honest = verifier.verify(issuer.mint());
    await timeFor(202);
    assert.equal(issuer.fetches.jwks, round, "within the second there is none");
    clock.advance(1_000);
    assert.deepEqual(new Set(await Promise.all(storm)), new Set(["unknown_key"]));
    assert.ok(await honest);
    assert.equal(issuer.fetches.jwks, 1 + round);
  }
});

test("of a million random kids only so many wait, and nothing is remembered", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  const waiting = Array.from({ length: 1_000 }, (_, index) =>
    codeOf(() => verifier.verify(stranger(`w-${index}`))),
  );
  await timeFor(1_001);
  for (let index = 0; index < 2_000; index++) {
    assert.equal(await codeOf(() => verifier.verify(stranger(`m-${index}`))), "key_not_known_yet");
  }
  clock.advance(1_000);
  assert.deepEqual(new Set(await Promise.all(waiting)), new Set(["unknown_key"]));
  assert.equal(clock.timers, 0);
});

test("who would wait too long for an issuer that is slow is told to come again", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  clock.advance(5_000);
  const publish = holdJwks();
  const code = codeOf(() => verifier.verify(stranger("nobody")));
  await held(publish, 1);
  clock.advance(2_000);
  assert.equal(await code, "key_not_known_yet");
});

for (const [what, set] of [
  ["no key", { keys: [] }],
  [
    "only keys of unknown kinds",
    {
      keys: [
        { kty: "XYZ", kid: "a" },
        { kty: "oct", kid: "b", k: "AA" },
      ],
    },
  ],
  ["keys that are no list", { keys: {} }],
] as const) {
  test(`a key set with ${what} wipes nothing, is told of, and ends in 503`, async () => {
    const log = new RecordedLog();
    const { verifier, keys } = verifierOf(source({ log }));
    const token = issuer.mint({ exp: clock.seconds + 86_400 });
    assert.ok(await verifier.verify(token));
    answerJwks((response) => sendJson(response, set));
    await assert.rejects(keys.refresh());
    assert.ok(await verifier.verify(token));
    assert.ok(await verifier.verify(issuer.mint()));
    assert.deepEqual(told(log), ["warn keys_kept"]);
    clock.advance(KEY_CACHE_MAX_AGE_SECONDS * 1000);
    assert.ok(verifier.verify(token));
    await keys.refresh().catch(() => {});
    clock.advance(1_001);
    assert.equal(await codeOf(() => verifier.verify(token)), "keys_unavailable");
    issuer.routes.pop();
    clock.advance(1_001);
    assert.ok(await verifier.verify(token));
    assert.deepEqual(told(log), ["warn keys_kept", "error keys_too_old", "info keys_renewed"]);
  });
}

const told = ({ events }: RecordedLog): string[] => events.map(({ level, event }) => `${level} ${event}`);

test("whatever keeps the keys away is keys_unavailable, with what it was as the detail", async () => {
  const { verifier, keys } = verifierOf(
    source({ fetchKeySet: () => Promise.reject(new Error("out of order")) }),
  );
  assert.equal(await codeOf(() => verifier.verify(issuer.mint())), "keys_unavailable");
  await assert.rejects(keys.refresh(), { code: "keys_unavailable", status: 503, detail: "out of order" });
});

test("past its age the set is fetched again, behind a token that is answered at once", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  clock.advance(600_001);
  assert.ok(!(verifier.verify(issuer.mint()) instanceof Promise));
  await keys.refresh();
  assert.equal(issuer.fetches.jwks, 2);
});

test("with the issuer down, known keys last as long as documented, then it is keys_unavailable", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  await issuer.stop();
  clock.advance(600_000 + 3_600_000);
  assert.ok(await verifier.verify(issuer.mint()));
  await assert.rejects(keys.refresh());
  clock.advance(1_001);
  assert.equal(await codeOf(() => verifier.verify(issuer.mint())), "keys_unavailable");
});

test("with the issuer down, an unknown kid is no reason to call the token bad", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  await issuer.stop();
  clock.advance(10_001);
  assert.equal(await codeOf(() => verifier.verify(stranger("new"))), "keys_unavailable");
});

test("an issuer that comes back is used again without a restart", async () => {
  const { verifier } = verifierOf();
  await issuer.stop();
  assert.equal(await codeOf(() => verifier.verify(issuer.mint())), "keys_unavailable");
  await issuer.startAgain();
  assert.equal(await codeOf(() => verifier.verify(issuer.mint())), "keys_unavailable", "not at once");
  clock.advance(1_000);
  assert.ok(await verifier.verify(issuer.mint()));
});

test("tokens of a key that was withdrawn are forgotten with it", async () => {
  const { verifier, keys } = verifierOf();
  const token = issuer.mint();
  assert.ok(await verifier.verify(token));
  issuer.rotate({ withdraw: true });
  await keys.refresh();
  assert.equal(await codeAfterASecond(() => verifier.verify(token)), "unknown_key");
});

test("a remembered token is enough to notice that its key was withdrawn: no new token has to come", async () => {
  let fetches = 0;
  const fetchKeySet = keySetOf({ issuer: issuer.issuer, timeoutMs: 60_000 });
  const counting = () => {
    fetches++;
    return fetchKeySet();
  };
  const { verifier, keys } = verifierOf(source({ fetchKeySet: counting }));
  const token = issuer.mint({ exp: clock.seconds + 86_400 });
  assert.ok(await verifier.verify(token));
  issuer.rotate({ withdraw: true });
  clock.advance(600_001);
  const before = fetches;
  assert.ok(!(verifier.verify(token) instanceof Promise), "answered at once");
  assert.equal(fetches, before + 1, "while the set is fetched behind");
  await keys.refresh();
  assert.equal(await codeAfterASecond(() => verifier.verify(token)), "unknown_key");
});

test("with the issuer down, a remembered token does not outlast the keys", async () => {
  const { verifier } = verifierOf();
  const token = issuer.mint({ exp: clock.seconds + 86_400 });
  assert.ok(await verifier.verify(token));
  await issuer.stop();
  clock.advance(600_000 + 3_600_001);
  assert.equal(await codeOf(() => verifier.verify(token)), "keys_unavailable");
});

test("a setting that is undefined is a setting left out", async () => {
  const names = ["cooldownMs", "maxAgeMs", "keepLastKeysMs", "retryMs", "waitMs", "setTimer", "log"];
  const unset = Object.fromEntries(names.map((name) => [name, undefined]));
  const { verifier } = verifierOf(source(unset));
  assert.ok(await verifier.verify(issuer.mint()));
  assert.ok(!(verifier.verify(issuer.mint()) instanceof Promise));
});

test("no setting keeps keys longer than the issuer counts with", async () => {
  const longest = KEY_CACHE_MAX_AGE_SECONDS * 1000;
  assert.ok(source({ maxAgeMs: 1000, keepLastKeysMs: longest - 1000 }));
  for (const keepLastKeysMs of [longest - 999, Number.NaN, -1]) {
    const open = () => source({ maxAgeMs: 1000, keepLastKeysMs });
    assert.equal(await codeOf(open), "invalid_configuration");
  }
});

type Response = Parameters<typeof sendJson>[0];
function answerJwks(answer: (response: Response) => unknown): void {
  issuer.routes.push((request, response) => {
    if (request.url !== "/jwks") return false;
    answer(response);
    return true;
  });
}
test("a key set in which some keys are unusable still gives the others", async () => {
  answerJwks((response) =>
    sendJson(response, { keys: [null, { kty: "oct" }, { kty: "EC" }, issuer.key.jwk] }),
  );
  assert.ok(await verifierOf().verifier.verify(issuer.mint()));
});

test("a jku, jwk or x5u in a token's header makes no request", async () => {
  const { verifier, keys } = verifierOf();
  await keys.refresh();
  const asked: (string | undefined)[] = [];
  issuer.routes.push((request) => asked.push(request.url) === 0);
  const attacker = generateSigningKey("ES256", issuer.key.kid);
  const header = {
    ...{ alg: "ES256", kid: attacker.kid, typ: "at+jwt", jwk: attacker.jwk },
    ...{ jku: `${issuer.issuer}/evil`, x5u: `${issuer.issuer}/evil` },
  };
  assert.equal(
    await codeOf(() => verifier.verify(signJwt(attacker, header, issuer.claims()))),
    "bad_signature",
  );
  assert.deepEqual(asked, []);
});
