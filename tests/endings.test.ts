/** Each act that ends something, at a real gateway and a real guard: what must be dead is, with its reason, and what must live lives on. */
import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { BlastRadius, Receipt } from "@portcullis/protocol";
import { type Exchange, json } from "@portcullis/testing/end-to-end";
import { startPostgres } from "@portcullis/testing/servers";
import { BELOW_A_GRANT } from "../apps/auth-server/src/oidc/state/artefact-store.ts";
import { claimsOf, refresh } from "../apps/auth-server/test/oidc/app.ts";
import { type Listening, listen } from "../apps/auth-server/test/session-events/listen.ts";
import { ACTS, type Act, ENDS_NOTHING, type Ending, type OneMore, type ScriptOwner } from "./endings/acts.ts";
import { assertKinds, endsGrant, holdAll, KINDS, PROVED_ELSEWHERE } from "./endings/kinds.ts";
import { PAGE_ACTS } from "./endings/page-acts.ts";
import {
  answered,
  appOf,
  type Cast,
  MEMBERS,
  type Member,
  type Names,
  namesOf,
  scriptTokenOf,
  startWorld,
  type World,
} from "./endings/world.ts";

const COUNT = Object.keys(ACTS).length + Object.keys(PAGE_ACTS).length;

const audienceOf = (member: Member, { orders, billing }: Names) => (member === "other" ? billing : orders);

/** Who is refused, and why, at both. */
async function assertVerdicts(world: World, cast: Cast, names: Names, act: Pick<Ending, "ends" | "reason">) {
  for (const member of MEMBERS) {
    const said = await world.verdicts(cast[member].access_token, audienceOf(member, names));
    const expected = act.ends.includes(member) ? act.reason : "allow";
    assert.deepEqual(said, [expected, expected], member);
  }
}

/** The apps whose part of a session is over are told. */
const isTold = (member: Member, ending: Ending): boolean => endsGrant(ending, member);

/** Exactly the apps whose part of a session is over have a delivery, which is named as the grant, and each of them arrives. */
async function assertTold({ server, party }: World, cast: Cast, names: Names, act: Ending) {
  const gids = MEMBERS.map((member) => cast[member].claims.gid);
  const query = server.server.storage.read.selectFrom("outbox").select(["id", "recipient", "subject"]);
  const rows = await query.where("id", "in", gids).execute();
  const expected = MEMBERS.filter((member) => isTold(member, act));
  assert.deepEqual(
    rows.map(({ id }) => MEMBERS[gids.indexOf(id)]!).toSorted(),
    expected.toSorted(),
    "who is told",
  );
  for (const member of expected) {
    const { sid, sub } = cast[member].claims;
    const [token] = await party.tokens(`/${appOf(member, names)}`, sid);
    assert.equal(token?.sub, sub);
  }
  assert.deepEqual(party.refused, []);
}

type Streams = Readonly<Record<Member, Listening>>;

/** Each app listens, at the server of the verifiers. */
async function listenAll({ server }: World, cast: Cast): Promise<Streams> {
  const opened = MEMBERS.map(async (member) => {
    const stream = await listen({ at: server.issuer, token: cast[member].id_token });
    assert.equal(stream.status, 200, member);
    return [member, stream] as const;
  });
  return Object.fromEntries(await Promise.all(opened)) as unknown as Streams;
}

/** The same apps hear of it, at once, and why. */
async function assertHeard(streams: Streams, act: Ending) {
  for (const member of MEMBERS.filter((one) => isTold(one, act)))
    assert.equal((await streams[member].ended)?.reason, act.reason, member);
}

/** At the end of all: whoever was to hear nothing has heard nothing. A stream may have been cut, with the key of its ID token. */
async function assertNobodyElseHeard(streams: Streams, act: Ending) {
  for (const member of MEMBERS.filter((one) => !isTold(one, act))) {
    const heard = await Promise.race([streams[member].ended, Promise.resolve(undefined)]);
    assert.equal(heard, undefined, member);
  }
  for (const member of MEMBERS) streams[member].close();
}

const refreshOf = (world: World, member: Member, cast: Cast, names: Names): Promise<Exchange> =>
  answered(() => refresh(world.actsAt, cast[member].refresh_token, { client_id: appOf(member, names) }));

async function assertRefreshes(world: World, cast: Cast, names: Names, act: Ending) {
  for (const member of MEMBERS) {
    const answer = await refreshOf(world, member, cast, names);
    const goesOn = !act.ends.includes(member) || act.goesOn?.includes(member) === true;
    const { status, body } = answer;
    assert.ok(goesOn ? status === 200 : [400, 401].includes(status), `${member}: ${status} ${body}`);
    if (!goesOn) continue;
    const token = json<{ access_token: string }>(answer).access_token;
    assert.deepEqual(await world.verdicts(token, audienceOf(member, names)), ["allow", "allow"], member);
    if (act.ends.includes(member)) act.brings?.(claimsOf(token) as unknown as Record<string, unknown>);
  }
}

async function assertOneMore(world: World, more: OneMore | undefined, expected: string) {
  if (more === undefined) return;
  assert.deepEqual(await world.verdicts(more.token, more.audience), [expected, expected], more.audience);
}

function assertAtLeast({ users, sessions, apps, tokens }: BlastRadius, act: Act) {
  if (act.ends.length === 0) return;
  const least = { users: act.ends.includes("bystander") ? 2 : 1, apps: act.ends.includes("other") ? 2 : 1 };
  assert.ok(users === "unknown" || users >= least.users, `users: ${users}`);
  assert.ok(apps === "unknown" || apps >= least.apps, `apps: ${apps}`);
  assert.ok(tokens === "unknown" || tokens >= act.ends.length, `tokens: ${tokens}`);
  assert.equal(typeof sessions, "number");
}

type ScriptTokens = readonly (OneMore & { readonly owner: ScriptOwner })[];

/** Of whoever has some, where the act says what becomes of them. */
async function scriptTokensFor(world: World, act: Ending, names: Names): Promise<ScriptTokens> {
  if (act.endsTokensOf === undefined) return [];
  const [victim, app] = [`users/${names.victim}`, `apps/${names.app}`] as const;
  return [
    { owner: "victim", audience: names.orders, ...(await scriptTokenOf(world, victim, names)) },
    { owner: "app", audience: names.orders, ...(await scriptTokenOf(world, app, names)) },
  ];
}

async function assertScriptTokens(world: World, tokens: ScriptTokens, { endsTokensOf = [], reason }: Ending) {
  for (const more of tokens)
    await assertOneMore(world, more, endsTokensOf.includes(more.owner) ? reason : "allow");
}

/** The act is tried, done, and proved. */
async function prove(world: World, act: Act, names: Names) {
  await act.prepare?.(world, names);
  const cast = await world.castOf(names);
  const more = await act.alsoEnds?.(cast, names, world);
  const holdings = await holdAll(world, cast, names);
  const streams = await listenAll(world, cast);
  const scripts = await scriptTokensFor(world, act, names);
  const nothing = { ends: [], reason: act.reason };
  await assertVerdicts(world, cast, names, nothing);
  await assertKinds({ world, cast, holdings }, act, "before");
  await assertOneMore(world, more, "allow");
  await assertScriptTokens(world, scripts, nothing);
  const asked = await act.does(cast, names, world, more);
  const tried = await world.call(world.actsAt, { ...asked, path: `${asked.path}?dryRun=true` });
  assert.equal(tried.status, 200, tried.body);
  assertAtLeast(json<{ ends: BlastRadius }>(tried).ends, act);
  await assertVerdicts(world, cast, names, nothing);
  await assertOneMore(world, more, "allow");
  await assertScriptTokens(world, scripts, nothing);

  const done = await world.call(world.actsAt, { ...asked, headers: { prefer: "wait=25" } });
  assert.equal(done.status, 200, done.body);
  const body = json<Receipt & { receipt?: Receipt }>(done);
  const { state, seq, acked, leased, recipients = [] } = body.receipt ?? body;
  assert.deepEqual([state, acked], ["enforced", leased], done.body);
  assert.ok(leased >= 2, "gateway and guard");
  // The receipt is true at this very moment, at whichever server it was given.
  await assertVerdicts(world, cast, names, act);
  await assertOneMore(world, more, act.reason);
  await assertKinds({ world, cast, holdings }, act, "after");
  await assertTold(world, cast, names, act);
  await assertHeard(streams, act);
  const told = MEMBERS.filter((member) => isTold(member, act)).map((member) => appOf(member, names));
  assert.deepEqual(
    recipients,
    [...new Set(told)].toSorted().map((recipient) => ({ recipient, outcome: "delivered" })),
  );
  await assertScriptTokens(world, scripts, act);
  await assertRefreshes(world, cast, names, act);
  await assertNobodyElseHeard(streams, act);
  const shown = await world.call(world.server.issuer, {
    method: "GET",
    path: `/revocations/${seq}`,
    headers: { prefer: "wait=5" },
  });
  assert.equal(json<{ receipt: Receipt }>(shown).receipt.state, "enforced", "and at the other server");
}

function battery(start: () => Promise<World>) {
  let world: World;
  before(async () => {
    world = await start();
  });
  after(() => world.stop());

  it("has a line for every route that is declared to end something", () => {
    const declared = world.server.server.routes.flatMap(({ declaration }) =>
      declaration?.route.ends === true ? [declaration.route.operationId] : [],
    );
    const proved = Object.entries(ACTS).map(([name, { operation = name }]) => operation);
    assert.deepEqual(declared.toSorted(), [...new Set(proved)].toSorted());
  });

  it("has a line for every form and endpoint without a declaration, or says that it ends nothing", () => {
    const there = world.server.server.routes.flatMap(({ method, path, declaration }) =>
      declaration === undefined && method === "POST" ? [`${method} ${path}`] : [],
    );
    const posts = Object.values(PAGE_ACTS).flatMap(({ route }) => (route.startsWith("POST") ? [route] : []));
    assert.deepEqual(there.toSorted(), [...new Set([...posts, ...ENDS_NOTHING])].toSorted());
  });

  it("has a line for every kind of token that is kept below a grant", () => {
    const proved = Object.values(KINDS).flatMap(({ model }) => model ?? []);
    assert.deepEqual(
      [...BELOW_A_GRANT].toSorted(),
      [...new Set([...proved, ...PROVED_ELSEWHERE])].toSorted(),
    );
  });

  it("knows every route with a receipt to be declared so", () => {
    for (const { declaration } of world.server.server.routes) {
      const { route } = declaration ?? {};
      if (route === undefined || route.method === "GET" || !(202 in route.answers)) continue;
      assert.equal(route.ends, true, `${route.operationId} answers 202 and is not declared by declareEnding`);
    }
  });

  for (const [at, [name, act]] of Object.entries(ACTS).entries()) {
    it(`${name} ends ${act.ends.join(", ") || "nobody's tokens for other APIs"}, and nothing else`, () =>
      prove(world, act, namesOf(at)));
  }

  for (const [at, [name, act]] of Object.entries(PAGE_ACTS).entries()) {
    it(`${name} ends ${act.ends.join(", ") || "no session"}, and nothing else`, async () => {
      const names = namesOf(Object.keys(ACTS).length + at);
      await act.prepare?.(world, names);
      const cast = await world.castOf(names);
      const holdings = await holdAll(world, cast, names);
      const streams = await listenAll(world, cast);
      const scripts = await scriptTokensFor(world, act, names);
      await act.act(cast, names, world);
      const head = world.server.server.storage.log.head();
      await world.call(world.server.issuer, {
        method: "GET",
        path: `/revocations/${head}`,
        headers: { prefer: "wait=25" },
      });
      await assertVerdicts(world, cast, names, act);
      await assertKinds({ world, cast, holdings }, act, "after");
      await assertTold(world, cast, names, act);
      await assertHeard(streams, act);
      await assertScriptTokens(world, scripts, act);
      await assertRefreshes(world, cast, names, act);
      await assertNobodyElseHeard(streams, act);
    });
  }
}

describe("on SQLite", () => battery(() => startWorld(COUNT)));

describe("on PostgreSQL with two servers: done at one, enforced at verifiers of the other", () => {
  let postgres: Awaited<ReturnType<typeof startPostgres>>;
  battery(async () => {
    postgres = await startPostgres({ fsync: false });
    return startWorld(COUNT, {
      database: { kind: "postgres", url: await postgres.createDatabase(), poolSize: 8 },
    });
  });
  after(() => postgres.stop());
});
