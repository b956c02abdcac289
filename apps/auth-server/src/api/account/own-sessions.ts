/** `/account/v1/sessions`: where the person is signed in. The session of somebody else is one that there is not. */
import {
  type Caller,
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  listParameters,
  readPage,
} from "@portcullis/http-api";
import {
  ACCOUNT_SCOPES,
  type Clock,
  deviceNameSchema,
  endedSessionSchema,
  endedSessionsSchema,
  endOwnSessionsSchema,
  type OwnSession,
  ownSessionListSchema,
  ownSessionSchema,
  type SessionEntry,
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
  tryOut,
} from "../../revocations/index.ts";
import type { EndSessions, Which } from "../../sessions/end-sessions.ts";
import { nameDevice } from "../../sessions/name-device.ts";
import type { SessionLister } from "../../sessions/session-list.ts";
import type { Storage } from "../../storage/storage.ts";
import { answerChange } from "../answer-change.ts";
import { EXAMPLE_SESSION } from "../sessions/sessions-routes.ts";
import { type Owner, ownerOf } from "./owner.ts";

export interface OwnSessionsRoutesOptions {
  readonly sessions: SessionLister;
  readonly endSessions: EndSessions;
  readonly users: Users;
  readonly storage: Storage;
  readonly clock: Clock;
  readonly blastRadiusOf: BlastRadiusOf;
  readonly revoker: Revoker;
  readonly receipts: Receipts;
}

export const ownSessionsRoutes = (options: OwnSessionsRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  readRoute(options),
  renameRoute(options),
  endRoute(options),
  endAllRoute(options),
];

const TAG = "Sessions";
const EXAMPLE = ownSessionSchema.parse({ ...EXAMPLE_SESSION, current: true });
const SID = z.object({
  sid: z.string().meta({ description: "`sid` of the session.", example: EXAMPLE_SID }),
});
const NO_SESSION = oidcError.definitions("unknown_session");

const shownSession = ({ user: _user, ...session }: SessionEntry, { sid }: Owner): OwnSession => ({
  ...session,
  current: session.sid === sid,
});

const placeSchema = z.strictObject({ createdAt: z.iso.datetime(), sid: z.string() });

const listRoute = ({ sessions }: OwnSessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listOwnSessions",
    method: "GET",
    path: "/sessions",
    summary: "List where the person is signed in, the newest first",
    scope: ACCOUNT_SCOPES.readAccount,
    parameters: {
      query: z.strictObject({
        active: z.enum(["true", "false"]).default("true").meta({
          description:
            "`true`: only those that go on. `false`: only those that are over, as long as they are kept.",
          example: "true",
        }),
        ...listParameters(placeSchema),
      }),
    },
    answers: {
      200: { says: "A page of the sessions.", schema: ownSessionListSchema, example: { items: [EXAMPLE] } },
    },
    errors: OUTAGES,
    async handle({ query, caller }) {
      const owner = ownerOf(caller);
      const filter = { accountId: owner.sub, active: query.active === "true" };
      const page = await readPage(query, {
        read: (after, limit) => sessions.page(filter, { after, limit }),
        count: () => sessions.count(filter),
        placeOf: ({ createdAt, sid }) => ({ createdAt, sid }),
      });
      return { status: 200, body: { ...page, items: page.items.map((one) => shownSession(one, owner)) } };
    },
  });

const READ_ANSWERS = {
  200: { says: "The session.", schema: ownSessionSchema, example: EXAMPLE },
} as const;

/** Throws `unknown_session`. */
async function answerWith({ sessions }: OwnSessionsRoutesOptions, sid: string, caller: Caller) {
  const owner = ownerOf(caller);
  const session = await sessions.find(sid);
  if (session?.user.sub !== owner.sub) throw unknownSession(sid);
  return { status: 200 as const, body: shownSession(session, owner) };
}

const unknownSession = (sid: string) =>
  oidcError("unknown_session", {
    text: `Found ${JSON.stringify(sid)}, and you have and had no such session here. Nothing was changed.`,
  });

const readRoute = (options: OwnSessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "readOwnSession",
    method: "GET",
    path: "/sessions/{sid}",
    summary: "Read one session",
    scope: ACCOUNT_SCOPES.readAccount,
    parameters: { path: SID },
    answers: READ_ANSWERS,
    errors: [...NO_SESSION, ...OUTAGES],
    handle: ({ path, caller }) => answerWith(options, path.sid, caller),
  });

const renameSchema = z.strictObject({
  device: z.strictObject({ name: deviceNameSchema.nullable().describe("`null` takes it away.") }),
});

const renameRoute = (options: OwnSessionsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "renameOwnDevice",
    method: "PATCH",
    path: "/sessions/{sid}",
    summary: "Give the device of a session a name",
    scope: ACCOUNT_SCOPES.writeAccount,
    parameters: { path: SID },
    body: { schema: renameSchema, example: { device: { name: "Work laptop" } }, isMergePatch: true },
    answers: READ_ANSWERS,
    errors: [...NO_SESSION, ...OUTAGES],
    async handle({ path, body, caller }) {
      const of = { sid: path.sid, accountId: ownerOf(caller).sub };
      await options.storage.write((transaction) => nameDevice(transaction, of, body.device.name));
      return answerWith(options, path.sid, caller);
    },
  });

const endRoute = (options: OwnSessionsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "endOwnSession",
    method: "DELETE",
    path: "/sessions/{sid}",
    summary: "End one session, and every token of it",
    description:
      "With the reason `kicked`; `logged_out` of the session of this call. If it has ended before, the receipt is the earlier one.",
    scope: ACCOUNT_SCOPES.writeAccount,
    parameters: { path: SID },
    answer: {
      schema: endedSessionSchema,
      examples: {
        enforced: { sid: EXAMPLE_SID, changed: true, receipt: ENFORCED },
        pending: { sid: EXAMPLE_SID, changed: true, receipt: PENDING },
      },
    },
    errors: [...NO_SESSION, ...OUTAGES],
    async wouldEnd({ path, caller }) {
      return options.revoker.wouldEnd(await endingOf(options, path.sid, caller));
    },
    async handle(call) {
      const { sid } = call.path;
      const ending = await endingOf(options, sid, call.caller);
      const { seq, repeated } = await options.revoker.revoke({ ...ending, actor: ownerOf(call.caller).sub });
      const answer = await answerChange({ state: { sid, changed: !repeated }, seq }, options.receipts, call);
      return answer as typeof answer & { body: z.output<typeof endedSessionSchema> };
    },
  });

/** Throws `unknown_session`. Whose a session is never changes: it may be asked before. */
async function endingOf(options: OwnSessionsRoutesOptions, key: string, caller: Caller) {
  const { body } = await answerWith(options, key, caller);
  const reason = body.current ? "logged_out" : "kicked";
  return { scope: "session", key, mode: "kill", reason } as const;
}

const endAllRoute = (options: OwnSessionsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "endOwnSessions",
    method: "POST",
    path: "/sessions/end",
    summary: "End all other sessions, or all",
    description:
      "The body has exactly one of `others`, `deviceType` and `all`. The reason is `kicked`; of `all` it is `logged_out`.",
    scope: ACCOUNT_SCOPES.writeAccount,
    body: { schema: endOwnSessionsSchema, example: { others: true } },
    answer: {
      schema: endedSessionsSchema,
      examples: {
        enforced: { sub: "q0hZ0AVt8Vt7mGQf2bqfYk", ended: 3, receipt: ENFORCED },
        pending: { sub: "q0hZ0AVt8Vt7mGQf2bqfYk", ended: 3, receipt: PENDING },
      },
    },
    errors: [...peopleError.definitions("unknown_subject"), ...OUTAGES],
    wouldEnd: ({ caller, body }) =>
      tryOut(options, (storage) => endThose({ ...options, storage }, ownerOf(caller), body)),
    async handle(call) {
      const owner = ownerOf(call.caller);
      const { ended, appended } = await endThose(options, owner, call.body);
      return answerChange({ state: { sub: owner.sub, ended }, seq: appended?.seq }, options.receipts, call);
    },
  });

function whichOf({ sid }: Owner, { others, deviceType }: z.output<typeof endOwnSessionsSchema>): Which {
  if (others === true) return { others: sid };
  return deviceType === undefined ? { all: true } : { deviceType };
}

/** The user's row is locked first: no session is opened meanwhile. */
const endThose = (
  { storage, users, endSessions }: Pick<OwnSessionsRoutesOptions, "storage" | "users" | "endSessions">,
  owner: Owner,
  body: z.output<typeof endOwnSessionsSchema>,
) =>
  storage.write(async (transaction) => {
    await users.findRow(transaction, owner.sub);
    const which = whichOf(owner, body);
    const reason = "all" in which ? "logged_out" : "kicked";
    return endSessions(transaction, { accountId: owner.sub, which, reason, actor: owner.sub });
  });
