/** Sessions: `/api/v1/sessions`, `/api/v1/sessions/{sid}`, `/api/v1/users/{user}/sessions`. */
import {
  actorOf,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  listParameters,
  readPage,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  type Clock,
  DEVICE_TYPES,
  deviceNameSchema,
  endedSessionSchema,
  endedSessionsSchema,
  hasCode,
  sessionListSchema,
  sessionSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import { oidcError } from "../../oidc/index.ts";
import { peopleError } from "../../people/errors.ts";
import type { Users } from "../../people/users.ts";
import {
  type BlastRadiusOf,
  ENFORCED,
  EXAMPLE_SID,
  OUTAGES,
  PENDING,
  type Receipts,
  type Revoker,
} from "../../revocations/index.ts";
import { rolesError } from "../../roles/errors.ts";
import { type EndSessions, endingsOf, type Which } from "../../sessions/end-sessions.ts";
import { nameDevice } from "../../sessions/name-device.ts";
import { type SessionFilter, type SessionLister, secondsOf } from "../../sessions/session-list.ts";
import type { Storage } from "../../storage/storage.ts";
import { wholeSeconds } from "../../storage/stored-time.ts";
import type { WriteTransaction } from "../../storage/write-transaction.ts";
import { answerChange, CHANGE_BODY, changeSchema } from "../answer-change.ts";
import { type Authority, authorityOf } from "../check-authority.ts";

export interface SessionsRoutesOptions {
  readonly sessions: SessionLister;
  readonly endSessions: EndSessions;
  readonly users: Users;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
  readonly authority: Authority;
}

export const sessionsRoutes = (options: SessionsRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  readRoute(options),
  renameRoute(options),
  endRoute(options),
  listOfUserRoute(options),
  endOfUserRoute(options),
];

const TAG = "Sessions";
export const EXAMPLE_SESSION = {
  sid: EXAMPLE_SID,
  user: { sub: "q0hZ0AVt8Vt7mGQf2bqfYk", username: "alice" },
  device: { name: "Firefox on Windows", type: "desktop", browser: "Firefox", os: "Windows" },
  address: "203.0.113.7",
  amr: ["pwd"],
  apps: [{ clientId: "mail", name: "Mail" }],
  createdAt: "2026-03-01T12:00:00.000Z",
  authTime: "2026-03-01T12:00:00.000Z",
  lastSeenAt: "2026-03-02T08:30:00.000Z",
  expiresAt: "2026-03-16T08:30:00.000Z",
  active: true,
} as const;

const sid = z.string().meta({ description: "`sid` of the session.", example: EXAMPLE_SID });
const USER_WORDS = {
  description:
    "A `sub`, a username or an e-mail address. If it is the `sub` of one user and a name of another, the `sub` counts.",
  example: "alice",
};
const user = z.string().meta(USER_WORDS);
const NOBODY = peopleError.definitions("unknown_subject", "ambiguous_user");
const NO_SESSION = oidcError.definitions("unknown_session");

const placeSchema = z.strictObject({ createdAt: z.iso.datetime(), sid: z.string() });
const filters = {
  app: z
    .string()
    .optional()
    .meta({ description: "Only those that this app (`clientId`) has something below.", example: "mail" }),
  deviceType: z
    .enum(DEVICE_TYPES)
    .optional()
    .meta({ description: "Only those on this type of device.", example: "mobile" }),
  before: z.iso.datetime().optional().meta({
    description: "Only those that were signed in to before: RFC 3339.",
    example: "2026-03-01T12:00:00Z",
  }),
  active: z.enum(["true", "false"]).optional().meta({
    description: "`true`: only those that go on. `false`: only those that are over. Without it: both.",
    example: "true",
  }),
};
type Filters = z.output<z.ZodObject<typeof filters>>;

const filterOf = (
  { app, deviceType, before, active }: Filters,
  accountId: string | undefined,
): SessionFilter => ({
  accountId,
  app,
  deviceType,
  before: before === undefined ? undefined : secondsOf(before),
  active: active === undefined ? undefined : active === "true",
});

const LIST_ANSWERS = {
  200: {
    says: "A page of the sessions, the newest first.",
    schema: sessionListSchema,
    example: { items: [EXAMPLE_SESSION] },
  },
} as const;

interface ListQuery extends Filters {
  readonly limit: number;
  readonly cursor?: z.output<typeof placeSchema> | undefined;
  readonly total: boolean;
}

async function pageOf({ sessions }: SessionsRoutesOptions, query: ListQuery, accountId: string | undefined) {
  const filter = filterOf(query, accountId);
  const body = await readPage(query, {
    read: (after, limit) => sessions.page(filter, { after, limit }),
    count: () => sessions.count(filter),
    placeOf: ({ createdAt, sid: last }) => ({ createdAt, sid: last }),
  });
  return { status: 200 as const, body };
}

const listRoute = (options: SessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listSessions",
    method: "GET",
    path: "/sessions",
    summary: "List the sessions of anybody, the newest first",
    scope: API_SCOPES.readSessions,
    parameters: {
      query: z.strictObject({
        user: user.optional().meta(USER_WORDS),
        ...filters,
        ...listParameters(placeSchema),
      }),
    },
    answers: LIST_ANSWERS,
    errors: [...NOBODY, ...OUTAGES],
    async handle({ query }) {
      const { user: name } = query;
      return pageOf(options, query, name === undefined ? undefined : await subOf(options, name));
    },
  });

const subOf = async ({ users, storage }: SessionsRoutesOptions, name: string): Promise<string> =>
  (await users.findNamed({ db: storage.read }, name)).id;

const listOfUserRoute = (options: SessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listSessionsOfUser",
    method: "GET",
    path: "/users/{user}/sessions",
    summary: "List the sessions of a user, the newest first",
    scope: API_SCOPES.readSessions,
    parameters: {
      path: z.object({ user }),
      query: z.strictObject({ ...filters, ...listParameters(placeSchema) }),
    },
    answers: LIST_ANSWERS,
    errors: [...NOBODY, ...OUTAGES],
    handle: async ({ path, query }) => pageOf(options, query, await subOf(options, path.user)),
  });

const READ_ANSWERS = {
  200: { says: "The session.", schema: sessionSchema, example: EXAMPLE_SESSION },
} as const;

async function answerWith({ sessions }: SessionsRoutesOptions, id: string) {
  const body = await sessions.find(id);
  if (body === undefined) throw unknownSession(id);
  return { status: 200 as const, body };
}

const unknownSession = (id: string) =>
  oidcError("unknown_session", {
    text: `Found ${JSON.stringify(id)}, and nobody has or had such a session here. Nothing was changed.`,
  });

const readRoute = (options: SessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "readSession",
    method: "GET",
    path: "/sessions/{sid}",
    summary: "Read one session",
    description: "One that has ended stays readable until its last token has ended.",
    scope: API_SCOPES.readSessions,
    parameters: { path: z.object({ sid }) },
    answers: READ_ANSWERS,
    errors: [...NO_SESSION, ...OUTAGES],
    handle: ({ path }) => answerWith(options, path.sid),
  });

const renameSchema = z.strictObject({
  device: z.strictObject({ name: deviceNameSchema.nullable().describe("`null` takes it away.") }),
});

const renameRoute = (options: SessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "renameDevice",
    method: "PATCH",
    path: "/sessions/{sid}",
    summary: "Give the device of a session a name",
    scope: API_SCOPES.writeSessions,
    parameters: { path: z.object({ sid }) },
    body: { schema: renameSchema, example: { device: { name: "Work laptop" } }, isMergePatch: true },
    answers: READ_ANSWERS,
    errors: [...NO_SESSION, ...rolesError.definitions("administrator_needed"), ...OUTAGES],
    async handle({ path, body, caller }) {
      const requireOver = await authorityOf(options.authority, caller);
      await options.storage.write(async (transaction) => {
        await requireOver(transaction, await ownerOf(transaction, path.sid));
        await nameDevice(transaction, path, body.device.name);
      });
      return answerWith(options, path.sid);
    },
  });

async function ownerOf({ db }: WriteTransaction, uid: string): Promise<string> {
  const session = db.selectFrom("oidc_sessions").select("account_id").where("uid", "=", uid);
  const owner = (await session.executeTakeFirst())?.account_id ?? undefined;
  if (owner === undefined) throw unknownSession(uid);
  return owner;
}

const endingOf = (key: string) => ({ scope: "session", key, mode: "kill", reason: "kicked" }) as const;

const endRoute = ({ revoker, receipts }: SessionsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "endSession",
    method: "DELETE",
    path: "/sessions/{sid}",
    summary: "End one session, and every token of it",
    description: "With the reason `kicked`. If it has ended before, the receipt is the earlier one.",
    scope: API_SCOPES.writeSessions,
    parameters: { path: z.object({ sid }) },
    body: CHANGE_BODY,
    answer: {
      schema: endedSessionSchema,
      examples: {
        enforced: { sid: EXAMPLE_SID, changed: true, receipt: ENFORCED },
        pending: { sid: EXAMPLE_SID, changed: true, receipt: PENDING },
      },
    },
    errors: [...NO_SESSION, ...OUTAGES],
    wouldEnd: ({ path }) =>
      revoker.wouldEnd(endingOf(path.sid)).catch((error: unknown) => explained(error, path.sid)),
    async handle(call) {
      const { note } = call.body;
      const key = call.path.sid;
      const by = { actor: actorOf(call.caller), ...(note === undefined ? {} : { note }) };
      const { seq, repeated } = await revoker
        .revoke({ ...endingOf(key), ...by })
        .catch((error: unknown) => explained(error, key));
      const answer = await answerChange({ state: { sid: key, changed: !repeated }, seq }, receipts, call);
      return answer as typeof answer & { body: z.output<typeof endedSessionSchema> };
    },
  });

/** Without the remedy of `POST /revocations`: sessions of other issuers are not listed here. */
function explained(error: unknown, key: string): never {
  throw hasCode(error, "unknown_session") ? unknownSession(key) : error;
}

const ONE_OF = ["all", "others", "deviceType", "before"] as const;
const endSchema = z
  .strictObject({
    all: z.literal(true).optional().describe("Every session, and whatever else the user's tokens are."),
    others: z.string().optional().describe("All but the one with this `sid`."),
    deviceType: z.enum(DEVICE_TYPES).optional().describe("Those on this type of device."),
    before: z.iso.datetime().optional().describe("Those that were signed in to before this time: RFC 3339."),
    note: changeSchema.shape.note,
  })
  .refine((body) => ONE_OF.filter((name) => body[name] !== undefined).length === 1, {
    message: `Must have exactly one of ${ONE_OF.join(", ")}.`,
  });

function whichOf({ others, deviceType, before }: z.output<typeof endSchema>): Which {
  if (others !== undefined) return { others };
  if (deviceType !== undefined) return { deviceType };
  return before === undefined ? { all: true } : { before: secondsOf(before) };
}

const endOfUserRoute = (options: SessionsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "endSessionsOfUser",
    method: "POST",
    path: "/users/{user}/sessions/end",
    summary: "End all sessions of a user, or some of them",
    description:
      "With the reason `kicked`. The body has exactly one of `all`, `others`, `deviceType` and `before`.",
    scope: API_SCOPES.writeSessions,
    parameters: { path: z.object({ user }) },
    body: { schema: endSchema, example: { all: true, note: "lost laptop" } },
    answer: {
      schema: endedSessionsSchema,
      examples: {
        enforced: { sub: "q0hZ0AVt8Vt7mGQf2bqfYk", ended: 3, receipt: ENFORCED },
        pending: { sub: "q0hZ0AVt8Vt7mGQf2bqfYk", ended: 3, receipt: PENDING },
      },
    },
    errors: [...NOBODY, ...NO_SESSION, ...OUTAGES],
    async wouldEnd({ path, body }) {
      const targets = await options.storage.write(async (transaction) => {
        const meant = await whoseAndWhich(options, transaction, { name: path.user, body });
        const ending = { ...meant, reason: "kicked", now: wholeSeconds(options.clock) } as const;
        return endingsOf(transaction, ending);
      });
      return options.blastRadiusOf(...targets);
    },
    async handle(call) {
      const { storage, endSessions, receipts } = options;
      const { accountId, ended, appended } = await storage.write(async (transaction) => {
        const meant = await whoseAndWhich(options, transaction, { name: call.path.user, body: call.body });
        const by = { reason: "kicked", actor: actorOf(call.caller), note: call.body.note } as const;
        return { ...meant, ...(await endSessions(transaction, { ...meant, ...by })) };
      });
      return answerChange({ state: { sub: accountId, ended }, seq: appended?.seq }, receipts, call);
    },
  });

/** Locks the user's row: no session is opened meanwhile. */
async function whoseAndWhich(
  { users }: SessionsRoutesOptions,
  transaction: WriteTransaction,
  { name, body }: { readonly name: string; readonly body: z.output<typeof endSchema> },
): Promise<{ readonly accountId: string; readonly which: Which }> {
  const { id: accountId } = await users.findRow(transaction, name);
  const which = whichOf(body);
  if ("others" in which) await assertOf(transaction, which.others, accountId);
  return { accountId, which };
}

/** The session that is to live on is the user's: a mistyped one would end them all. */
async function assertOf({ db }: WriteTransaction, uid: string, accountId: string): Promise<void> {
  const own = db.selectFrom("oidc_sessions").select("uid").where("uid", "=", uid);
  const found = await own
    .where("account_id", "=", accountId)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  if (found === undefined) throw unknownSession(uid);
}
