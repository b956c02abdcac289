/** One race: a request and an act that ends something, step by step as a seed says, and what must be true when both are over. */
import assert from "node:assert/strict";
import { type Exchange, PlainBrowser, until } from "@portcullis/testing/end-to-end";
import { forAccount } from "../../apps/auth-server/test/account/account-client.ts";
import { claimsOf, type SignedIn, signIn, token } from "../../apps/auth-server/test/oidc/app.ts";
import { seededRandom } from "../../simulation/world/seeded-random.ts";
import type { Cast, Names, World } from "../endings/world.ts";
import { RACED, type RacedAct } from "./acts.ts";
import { asRacer } from "./gated-storage.ts";
import type { Request } from "./requests.ts";
import { type Racer, Turns } from "./turns.ts";
import {
  type Asking,
  codeOf,
  headersOf,
  type RaceWorld,
  refreshAt,
  STEADY,
  signedIn,
  signInByJson,
} from "./world.ts";

export interface Race {
  readonly act: string;
  readonly request: Request;
  readonly seed: number;
}

/** Of what comes out of a request: nothing may live; it must live; or all of it must agree on what it does. */
type Fate = "dead" | "alive" | "either";

const isKill = ({ mode, goesOn = [] }: RacedAct): boolean => mode !== "stale" && goesOn.length === 0;
const isOfApp = ({ ends }: RacedAct): boolean => ends.includes("bystander");
const LASTING: readonly string[] = ["user_disabled", "account_deleted", "banned", "password_changed"];
/** Nobody signs in to the same again, whenever he tries. */
const isLasting = (act: RacedAct): boolean => isKill(act) && (isOfApp(act) || LASTING.includes(act.reason));

/** What each request makes hangs below the phone's session, but for the last three. */
const FATES: Readonly<Record<Request, (act: RacedAct) => Fate>> = {
  refresh: (act) => (isKill(act) && act.ends.includes("phone") ? "dead" : "alive"),
  redeem: (act) => {
    if (!isKill(act) || !act.ends.includes("phone")) return "alive";
    // The code may be of another grant, which a session that lives on gives to whoever asks.
    return act.keepsSession === true && !isLasting(act) ? "either" : "dead";
  },
  "sign-on": (act) => FATES.redeem(act),
  "sign-in": (act) => {
    if (isLasting(act)) return "dead";
    return isKill(act) && act.ends.length > 1 ? "either" : "alive";
  },
  "json-sign-in": (act) => FATES["sign-in"](act),
  machine: (act) => {
    if (isOfApp(act) && isKill(act)) return "dead";
    return isKill(act) && act.ends.includes("phone") ? "either" : "alive";
  },
};

export interface Outcome {
  readonly trace: readonly string[];
  readonly blocked: number;
}

interface Tokens {
  readonly access_token: string;
  readonly refresh_token?: string;
}

/** Throws what is wrong when both are over. */
export async function run(world: RaceWorld, names: Names, race: Race): Promise<Outcome> {
  const act = actOf(race);
  const cast = await castOf(world, names, race);
  const asking = askingOf(world, names, race);
  const request = await requestOf({ cast, names, asking, race });
  const ending = await endingOf(world, { act, cast, names });
  const turns = new Turns(seededRandom(race.seed));
  world.turns = turns;
  try {
    const [answer, done] = await Promise.all([
      inTurns(turns, "request", request.send),
      inTurns(turns, "act", ending),
    ]);
    world.turns = undefined;
    assert.ok((done?.status ?? 200) < 400, `the act itself: ${done?.status} ${done?.body}`);
    await judge(world, { act, cast, names, asking, race, request, answer });
  } catch (error) {
    throw new Error(`${describe(race)}\n${turns.trace.join("\n")}`, { cause: error });
  }
  return { trace: turns.trace, blocked: turns.blocked };
}

export const describe = ({ act, request, seed }: Race): string =>
  `${request} against ${act}, seed ${seed}: npm run interleavings -- --act "${act}" --request ${request} --seed ${seed}`;

function inTurns<T>(turns: Turns, racer: Racer, work: () => Promise<T>): Promise<T> {
  return asRacer(racer, async () => {
    await turns.point(racer, "begin");
    try {
      return await work();
    } finally {
      turns.end(racer);
    }
  });
}

/** Its own API is the one that the role opens: what the person has there is what must end. */
function actOf({ act }: Race): RacedAct {
  const raced = RACED[act]!;
  if (act !== "takeRole") return raced;
  const { prepare, does } = raced;
  return { prepare: prepare!, does: does!, ends: ["phone", "laptop"], reason: "banned" };
}

function askingOf({ asksAt, server }: RaceWorld, { app, orders }: Names, { act, request }: Race): Asking {
  const headers = headersOf(app, request === "machine");
  if (act === "takeRole") {
    const resource = `${server.issuer}/api`;
    return { at: asksAt, clientId: app, resource, scope: "users.read", headers };
  }
  return { at: asksAt, clientId: app, resource: orders, scope: "things.read things.write", headers };
}

/** Two devices of the victim. The rest of the battery's cast stands aside: an act here asks for these alone. */
async function castOf(world: RaceWorld, names: Names, race: Race): Promise<Cast> {
  const asking = askingOf(world, names, race);
  // Roles are there before tokens that need them.
  await RACED[race.act]!.prepare?.(preparing(world), names);
  const phone = await signedIn(asking, names.victim);
  const laptop = await signedIn(asking, names.victim);
  return { phone, laptop, other: laptop, bystander: laptop } as Cast;
}

/** What an act of the battery may use of its world. */
const preparing = (world: RaceWorld): World =>
  ({
    server: world.server,
    actsAt: world.actsAt,
    call: async (_at: string, asked: Parameters<RaceWorld["authorized"]>[0]) =>
      (await world.authorized(asked))(),
    async accountToken({ browser }: SignedIn) {
      const account = await signIn(world.server, { browser, parameters: forAccount(world.server) });
      return account.access_token;
    },
  }) as World;

async function endingOf(
  world: RaceWorld,
  { act, cast, names }: { readonly act: RacedAct; readonly cast: Cast; readonly names: Names },
): Promise<() => Promise<Exchange | undefined>> {
  if (act.page !== undefined) return async () => void (await act.page!(cast, names, preparing(world)));
  return world.authorized(await act.does!(cast, names, preparing(world)));
}

interface RacedRequest {
  /** Undefined: no code was given. */
  readonly send: () => Promise<Exchange | undefined>;
  /** The same again, as an app would that was refused or told to come again. */
  readonly again: () => Promise<Exchange | undefined>;
}

interface RequestOptions {
  readonly cast: Cast;
  readonly names: Names;
  readonly asking: Asking;
  readonly race: Race;
}

async function requestOf({ cast, names, asking, race }: RequestOptions): Promise<RacedRequest> {
  const { phone } = cast;
  const signOn = async () => (await codeOf(asking, { browser: phone.browser }))?.();
  switch (race.request) {
    case "refresh": {
      const send = () => refreshAt(asking, phone.refresh_token);
      return { send, again: send };
    }
    case "redeem": {
      const send = (await codeOf(asking, { browser: phone.browser }))!;
      return { send, again: send };
    }
    case "sign-on":
      return { send: signOn, again: signOn };
    case "sign-in": {
      const send = () => signInAnew(asking, names.victim);
      return { send, again: send };
    }
    case "json-sign-in": {
      const send = () => signInByJson(asking, names.victim);
      return { send, again: send };
    }
    case "machine": {
      const { at, resource, headers } = asking;
      const send = () =>
        token(at, { grant_type: "client_credentials", resource, scope: "things.read" }, headers);
      return { send, again: send };
    }
  }
}

/** Undefined where the page does not let him in: what it says is no part of this. */
const signInAnew = async (asking: Asking, username: string): Promise<Exchange | undefined> =>
  (await codeOf(asking, { browser: new PlainBrowser(), username }).catch(() => undefined))?.();

interface Judged extends RequestOptions {
  readonly act: RacedAct;
  readonly request: RacedRequest;
  readonly answer: Exchange | undefined;
}

async function judge(world: RaceWorld, judged: Judged): Promise<void> {
  const { act, cast, asking, race, request, answer } = judged;
  assert.ok((answer?.status ?? 0) !== 500, `the request itself: ${answer?.body}`);
  await caughtUp(world);
  const fate = FATES[race.request](act);
  await JUDGES[fate](world, judged, tokensOf(answer), () => request.again());
  // Whatever the race was about, both devices are what the act says.
  for (const device of ["phone", "laptop"] as const) {
    const isDead = isKill(act) && act.ends.includes(device);
    // Its refresh token was spent in the race.
    if (!isDead && device === "phone" && race.request === "refresh") continue;
    const held = cast[device];
    if (isDead) await assertDead(world, asking, held);
    else await assertGoesOn(world, judged, held);
  }
  await assertSteady(world);
}

/** The guard has all that is in the log: the acts of the API have waited for that, those of the pages have not. */
async function caughtUp({ server, authorized, actsAt }: RaceWorld): Promise<void> {
  const { storage } = actsAt === server.issuer ? server.server : server.serverAt(actsAt);
  const head = await storage.log.refresh();
  if (head > 0) await (await authorized({ method: "GET", path: `/revocations/${head}` }))();
}

const tokensOf = (answer: Exchange | undefined): Tokens | undefined =>
  answer?.status === 200 ? (JSON.parse(answer.body) as Tokens) : undefined;

type Judge = (
  world: RaceWorld,
  judged: Judged,
  out: Tokens | undefined,
  again: RacedRequest["again"],
) => Promise<void>;

const JUDGES: Readonly<Record<Fate, Judge>> = {
  async dead(world, { asking }, out, again) {
    if (out !== undefined) await assertDead(world, asking, out);
    const later = tokensOf(await again());
    assert.equal(later, undefined, "the same request is answered with tokens after the act");
  },
  async alive(world, judged, out, again) {
    const held = out ?? tokensOf(await again());
    assert.notEqual(held, undefined, "what must live on is refused");
    if (held!.refresh_token !== undefined) return assertGoesOn(world, judged, held!);
    if (await isAllowed(world, judged, held!)) return;
    const later = tokensOf(await again());
    assert.ok(later !== undefined && (await isAllowed(world, judged, later)), "nothing that passes comes");
  },
  async either(world, judged, out) {
    if (out === undefined) return;
    const allowed = await isAllowed(world, judged, out);
    if (out.refresh_token === undefined) return;
    const next = tokensOf(await refreshAt(judged.asking, out.refresh_token));
    assert.ok(!allowed || next !== undefined, "a token passes whose session or grant has ended");
    if (next !== undefined)
      assert.ok(await isAllowed(world, judged, next), "its refresh brings a dead token");
  },
};

/** A guard that was not confirmed for long, on a machine that is busy, says 503 to all: no verdict yet. */
const verdict = ({ guard }: RaceWorld, accessToken: string): Promise<string> =>
  until(
    async () => {
      const said = await guard.authenticate(`Bearer ${accessToken}`, {
        audience: claimsOf(accessToken).aud,
      });
      if ("principal" in said) return "allow";
      return said.status === 503 ? undefined : (said.body.reason ?? said.body.error);
    },
    { what: "a guard that is fresh" },
  );

async function isAllowed(
  world: RaceWorld,
  { race, act }: Judged,
  { access_token }: Tokens,
): Promise<boolean> {
  if ((await verdict(world, access_token)) !== "allow") return false;
  const claims = claimsOf(access_token);
  act.brings?.({ ...claims });
  if (TAKES_WRITE.includes(race.act))
    assert.ok(!claims.scope.includes("things.write"), `a token passes with ${claims.scope}`);
  return true;
}

/** They take `things.write` away. */
const TAKES_WRITE: readonly string[] = ["changeApp", "changeApi"];

async function assertDead(world: RaceWorld, asking: Asking, held: Tokens): Promise<void> {
  const said = await verdict(world, held.access_token);
  assert.notEqual(said, "allow", "a token passes that hangs below what has ended");
  if (held.refresh_token === undefined) return;
  const answer = await refreshAt(asking, held.refresh_token);
  assert.notEqual(answer.status, 200, "a refresh token works that hangs below what has ended");
}

async function assertGoesOn(world: RaceWorld, judged: Judged, held: Tokens): Promise<void> {
  const answer = await refreshAt(judged.asking, held.refresh_token!);
  assert.equal(answer.status, 200, `what must live on is refused: ${answer.body}`);
  assert.ok(await isAllowed(world, judged, tokensOf(answer)!), "what must live on is denied");
}

/** Somebody else, with an app and an API of his own, signed in before the first race. */
const steady = new WeakMap<RaceWorld, Tokens>();

async function assertSteady(world: RaceWorld): Promise<void> {
  const asking: Asking = {
    at: world.asksAt,
    clientId: STEADY.app,
    resource: STEADY.orders,
    scope: "things.read",
    headers: {},
  };
  const held = steady.get(world) ?? (await signedIn(asking, STEADY.victim));
  steady.set(world, held);
  if ((await verdict(world, held.access_token)) === "allow") return;
  const next = tokensOf(await refreshAt(asking, held.refresh_token!));
  assert.ok(
    next !== undefined && (await verdict(world, next.access_token)) === "allow",
    "somebody else is hit",
  );
  steady.set(world, next);
}
