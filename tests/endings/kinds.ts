/**
 * Every kind of token that an app holds of a sign-in, where it is shown, and what ends it. Gateway and guard are asked in
 * endings.test.ts, and so are tokens for scripts, streams and refresh tokens. A kind that is kept below a grant and has no line here fails the build.
 */
import assert from "node:assert/strict";
import { exchange } from "@portcullis/testing/end-to-end";
import { ROUTES } from "../../apps/auth-server/src/paths.ts";
import {
  type Attempt,
  begin,
  introspect,
  ok,
  passPages,
  redeem,
} from "../../apps/auth-server/test/oidc/app.ts";
import type { Ending } from "./acts.ts";
import {
  answered,
  appOf,
  type Cast,
  credentialsOf,
  MEMBERS,
  type Member,
  type Names,
  type World,
} from "./world.ts";

/** What each member of the cast holds besides the answer to its sign-in. */
interface Held {
  /** For the scope `openid` alone: opaque, and good for UserInfo. */
  readonly opaque: string;
  readonly code: { readonly attempt: Attempt; readonly callback: URL; readonly madeAtMs: number };
}

export type Holdings = Readonly<Record<Member, Held>>;

export interface Asking {
  readonly world: World;
  readonly cast: Cast;
  readonly holdings: Holdings;
  readonly member: Member;
}

interface Kind {
  /** The library's name of what is stored of it; undefined for a JWT. */
  readonly model?: string;
  /** Whether it is good here and now; undefined if it is too old to tell. */
  readonly isGood: (asking: Asking) => Promise<boolean | undefined>;
  readonly endsWith: (ending: Ending, member: Member) => boolean;
  /** It can be shown once: not before the act. */
  readonly isSpent?: true;
  /** Of the others it is always refused there. */
  readonly isOf?: (member: Member) => boolean;
}

/** What the app holds of the session is over. */
export const endsGrant = ({ ends, goesOn = [], keepsGrants }: Ending, member: Member): boolean =>
  ends.includes(member) && !goesOn.includes(member) && keepsGrants !== true;

const endsToken = ({ ends }: Ending, member: Member): boolean => ends.includes(member);

const endsOpaque = (ending: Ending, member: Member): boolean =>
  endsGrant(ending, member) || (ending.endsOpaque === true && endsToken(ending, member));

/** The app of the other API has not asked for one token for everything. */
const opensUserinfo = (member: Member): boolean => member !== "other";

const opaqueOf = ({ holdings, member }: Asking): string => holdings[member].opaque;
const jwtOf = ({ cast, member }: Asking): string => cast[member].access_token;

const atUserinfo = (tokenOf: (asking: Asking) => string) => async (asking: Asking) => {
  const headers = { authorization: `Bearer ${tokenOf(asking)}` };
  const { issuer } = asking.world.server;
  const { status, body } = await answered(() => exchange(`${issuer}${ROUTES.userinfo}`, { headers }));
  assert.ok([200, 401].includes(status), `${status} ${body}`);
  return status === 200;
};

const atIntrospection = (tokenOf: (asking: Asking) => string) => async (asking: Asking) =>
  (await introspect(asking.world.server.issuer, "auditor", tokenOf(asking))).active === true;

/** It lives for a minute, and a busy machine may take that long for an act. */
const CODE_IS_YOUNG_MS = 40_000;

async function isRedeemed({ world, holdings, member }: Asking): Promise<boolean | undefined> {
  const { attempt, callback, madeAtMs } = holdings[member].code;
  const { status, body } = await answered(() => redeem(world.actsAt, attempt, callback));
  assert.ok([200, 400, 401].includes(status), `${status} ${body}`);
  return status === 200 || world.server.nowMs() - madeAtMs < CODE_IS_YOUNG_MS ? status === 200 : undefined;
}

export const KINDS: Readonly<Record<string, Kind>> = {
  "an opaque access token at UserInfo": {
    model: "AccessToken",
    isGood: atUserinfo(opaqueOf),
    endsWith: endsOpaque,
  },
  "an opaque access token at introspection": {
    model: "AccessToken",
    isGood: atIntrospection(opaqueOf),
    endsWith: endsOpaque,
  },
  "an access token for an API and UserInfo, at UserInfo": {
    isGood: atUserinfo(jwtOf),
    endsWith: endsToken,
    isOf: opensUserinfo,
  },
  "an access token for an API at introspection": { isGood: atIntrospection(jwtOf), endsWith: endsToken },
  "a code that is not redeemed yet": {
    model: "AuthorizationCode",
    isGood: isRedeemed,
    endsWith: endsGrant,
    isSpent: true,
  },
};

/** What else is stored below a grant, and where it is proved. */
export const PROVED_ELSEWHERE: readonly string[] = ["RefreshToken"]; // assertRefreshes of endings.test.ts

export async function holdAll(world: World, cast: Cast, names: Names): Promise<Holdings> {
  const made: [Member, Held][] = [];
  // The laptop's two apps share a browser, in which one page is open at a time.
  const inTurn = async (members: readonly Member[]) => {
    for (const member of members) made.push([member, await hold(world, { cast, names, member })]);
  };
  await Promise.all([inTurn(["phone"]), inTurn(["laptop", "other"]), inTurn(["bystander"])]);
  return Object.fromEntries(made) as unknown as Holdings;
}

interface Holding {
  readonly cast: Cast;
  readonly names: Names;
  readonly member: Member;
}

async function hold({ server }: World, { cast, names, member }: Holding): Promise<Held> {
  const parameters = { client_id: appOf(member, names), resource: undefined, scope: "openid" };
  const credentials = credentialsOf(member === "bystander" ? names.bystander : names.victim);
  const codes: Held["code"][] = [];
  for (let code = 0; code < 2; code++) {
    const attempt = begin(server.issuer, parameters);
    const callback = await passPages(cast[member].browser, attempt.url, credentials);
    codes.push({ attempt, callback, madeAtMs: server.nowMs() });
  }
  const [first, code] = codes as [Held["code"], Held["code"]];
  const { access_token: opaque } = ok(await redeem(server.issuer, first.attempt, first.callback));
  assert.equal(opaque.includes("."), false, "an opaque token");
  return { opaque, code };
}

/** Each kind of each member: good, or dead where the act ends it. */
export async function assertKinds(asking: Omit<Asking, "member">, ending: Ending, when: "before" | "after") {
  const asked = MEMBERS.flatMap((member) =>
    Object.entries(KINDS).map(async ([name, { isGood, endsWith, isSpent, isOf }]) => {
      if (isSpent && when === "before") return;
      const expected = (isOf?.(member) ?? true) && !(when === "after" && endsWith(ending, member));
      const found = await isGood({ ...asking, member });
      assert.equal(found ?? expected, expected, `${name}, of ${member}, ${when} the act`);
    }),
  );
  await Promise.all(asked);
}
