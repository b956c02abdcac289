/** APIs (resources): docs/reference/api.md. */
import {
  type DeclaredRoute,
  declareEnding,
  declareRoute,
  ETAG,
  etagOf,
  IF_MATCH,
  listParameters,
  mergePatchOf,
  readPage,
  type WouldEnd,
} from "@portcullis/http-api";
import {
  API_SCOPES,
  apiListSchema,
  apiSchema,
  apiSettingsSchema,
  apiStateSchema,
  changedApiSchema,
  createdApiSchema,
  deletedApiSchema,
  newApiSchema,
  type Api as ShownApi,
} from "@portcullis/protocol";
import { z } from "zod";
import type { Api } from "../../apis/apis.ts";
import { apisError } from "../../apis/errors.ts";
import type { OfferAlgorithm } from "../../keys/key-ring.ts";
import {
  ENFORCED,
  OUTAGES,
  PENDING,
  type Receipts,
  type TryOutOptions,
  tryOut,
  waitForReceipt,
} from "../../revocations/index.ts";
import { answerChange, CHANGE_BODY, changedAnswer } from "../answer-change.ts";
import { ENABLED_FILTER } from "../enabled-filter.ts";
import { slashWarning, warningMember } from "../warn-of-slash.ts";
import { withKeysOf } from "../with-keys-of.ts";
import { type ApiActs, changeApi, deleteApi, makeApi, setApiEnabled, settingsOf } from "./change-api.ts";

export interface ApisRoutesOptions extends ApiActs, TryOutOptions {
  readonly receipts: Receipts;
  readonly offer: OfferAlgorithm;
}

export const apisRoutes = (options: ApisRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  createRoute(options),
  readRoute(options),
  changeRoute(options),
  deleteRoute(options),
  disableRoute(options),
  enableRoute(options),
];

const TAG = "APIs";
const IDENTIFIER = "https://orders.example";
const PATH = z.object({
  identifier: z
    .string()
    .meta({ description: "Identifier of the API (its audience), percent-encoded.", example: IDENTIFIER }),
});
const UNKNOWN = apisError.definitions("unknown_api");
const FIXED = apisError.definitions("unknown_api", "built_in_api");
const EXAMPLE_API: ShownApi = {
  identifier: IDENTIFIER,
  name: "Orders",
  permissions: { "orders.read": "See your orders" },
  accessTokenTtlSeconds: 300,
  algorithm: "ES256",
  claims: {},
  personalTokenPermissions: ["orders.read"],
  enabled: true,
  origin: "api",
  revision: 1,
  createdAt: "2027-01-05T09:00:00.000Z",
  changedAt: "2027-01-05T09:00:00.000Z",
};

const timeOf = (seconds: number): string => new Date(seconds * 1000).toISOString();

const shownApi = (api: Api): ShownApi => ({
  identifier: api.identifier,
  ...apiSettingsSchema.parse(settingsOf(api)),
  enabled: api.enabled,
  origin: api.origin,
  revision: api.revision,
  ...(api.createdAt === undefined ? {} : { createdAt: timeOf(api.createdAt) }),
  ...(api.changedAt === undefined ? {} : { changedAt: timeOf(api.changedAt) }),
});

const listRoute = ({ apis }: ApisRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listApis",
    method: "GET",
    path: "/apis",
    summary: "List the APIs, in the order of their identifiers",
    description: "This server's own API is not among them. It can be read by its identifier.",
    scope: API_SCOPES.readApis,
    parameters: {
      query: z.strictObject({
        ...listParameters(z.string()),
        name: z
          .string()
          .max(100)
          .optional()
          .meta({ description: "Only APIs whose name begins so, in whatever letter case.", example: "ord" }),
        enabled: ENABLED_FILTER,
      }),
    },
    answers: {
      200: { says: "A page of the APIs.", schema: apiListSchema, example: { items: [EXAMPLE_API] } },
    },
    errors: OUTAGES,
    async handle({ query: { name, enabled, ...page } }) {
      const filter = { name, enabled };
      const found = await readPage(page, {
        read: (after, limit) => apis.list(filter, after, limit),
        count: () => apis.count(filter),
        placeOf: ({ identifier }) => identifier,
      });
      return { status: 200, body: { ...found, items: found.items.map(shownApi) } };
    },
  });

const createRoute = (options: ApisRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "createApi",
    method: "POST",
    path: "/apis",
    summary: "Create an API",
    description: "Apps get tokens for it once they are given its permissions.",
    scope: API_SCOPES.writeApis,
    body: {
      schema: newApiSchema,
      example: { identifier: IDENTIFIER, name: "Orders", permissions: { "orders.read": "See your orders" } },
    },
    answers: {
      201: {
        says: "It is there.",
        schema: createdApiSchema,
        example: EXAMPLE_API,
        headers: { ...ETAG, Location: "Where it is." },
      },
    },
    errors: [...apisError.definitions("api_exists", "api_not_forgotten"), ...OUTAGES],
    async handle({ body }) {
      const { algorithm } = body;
      const { api, warning } = await withKeysOf({ ...options, algorithm }, (storage) =>
        makeApi({ ...options, storage }, body),
      );
      const location = `/api/v1/apis/${encodeURIComponent(api.identifier)}`;
      const headers = { ...etagOf(api.revision), location };
      const { apis } = options;
      const ofSlash = await slashWarning({ field: "identifier", identifiers: [api.identifier], apis });
      return { status: 201, headers, body: { ...shownApi(api), ...warningMember(warning, ofSlash) } };
    },
  });

const readRoute = ({ apis }: ApisRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "readApi",
    method: "GET",
    path: "/apis/{identifier}",
    summary: "See one API",
    scope: API_SCOPES.readApis,
    parameters: { path: PATH },
    answers: { 200: { says: "The API.", schema: apiSchema, example: EXAMPLE_API, headers: ETAG } },
    errors: [...UNKNOWN, ...OUTAGES],
    async handle({ path }) {
      const api = await apis.get(path.identifier);
      return { status: 200, headers: etagOf(api.revision), body: shownApi(api) };
    },
  });

/** Tries the act out, and says how many apps would lose what goes. */
async function wouldWithdraw(
  options: ApisRoutesOptions,
  act: (trial: ApisRoutesOptions["storage"], onWithdrawn: (apps: number) => void) => Promise<unknown>,
): Promise<WouldEnd> {
  let withdrawnFromApps: number | undefined;
  const ends = await tryOut(options, (trial) =>
    act(trial, (apps) => {
      withdrawnFromApps = apps;
    }),
  );
  return { ends, withdrawnFromApps };
}

const VERSIONED = z.object(IF_MATCH);

const changeRoute = (options: ApisRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "changeApi",
    method: "PATCH",
    path: "/apis/{identifier}",
    summary: "Change an API",
    description:
      "A permission or a claim that is taken away makes the tokens for the API stale: they are refused with the reason `claims_changed`, and the next refresh brings what is true, without what is gone. A permission is taken out of the `apis` of every app, too (`withdrawnFromApps`). Anything else ends nothing.",
    scope: API_SCOPES.writeApis,
    parameters: { path: PATH, headers: VERSIONED },
    body: {
      schema: mergePatchOf(apiSettingsSchema),
      example: { permissions: { "orders.write": "Place orders for you", "orders.read": null } },
      isMergePatch: true,
    },
    answer: changedAnswer("The API", { schema: changedApiSchema, example: { ...EXAMPLE_API, revision: 2 } }),
    errors: [...FIXED, ...OUTAGES],
    wouldEnd({ caller, path, body: patch, headers }) {
      const asked = { identifier: path.identifier, caller, ifMatch: headers["If-Match"] };
      return wouldWithdraw(options, (storage, onWithdrawn) =>
        changeApi({ ...options, storage }, { ...asked, onWithdrawn }, patch),
      );
    },
    async handle(call) {
      const { caller, path, body: patch, headers } = call;
      const asked = { identifier: path.identifier, caller, ifMatch: headers["If-Match"] };
      const { algorithm } = patch;
      const { api, seq, warning, withdrawnFromApps } = await withKeysOf(
        { ...options, algorithm },
        (storage) => changeApi({ ...options, storage }, asked, patch),
      );
      const state = { ...shownApi(api), withdrawnFromApps, ...(warning && { warning }) };
      const { revision } = api;
      return answerChange({ state, seq, revision }, options.receipts, call);
    },
  });

const deleteRoute = (options: ApisRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "deleteApi",
    method: "DELETE",
    path: "/apis/{identifier}",
    summary: "Delete an API",
    description:
      "Every access token for it is refused, with the reason `revoked`, and no new one is issued. Sessions and grants go on for other APIs. What users had allowed there is forgotten, and it is taken out of the `apis` of every app (`withdrawnFromApps`).",
    scope: API_SCOPES.writeApis,
    parameters: { path: PATH, headers: VERSIONED },
    answer: {
      schema: deletedApiSchema,
      says: {
        enforced: "It is gone. Every verifier refuses what has ended.",
        pending: "It is gone. A verifier may still allow what has ended, until `enforcedBy` at the latest.",
      },
      examples: {
        enforced: { identifier: IDENTIFIER, name: "Orders", withdrawnFromApps: 2, receipt: ENFORCED },
        pending: { identifier: IDENTIFIER, name: "Orders", withdrawnFromApps: 2, receipt: PENDING },
      },
    },
    errors: [...FIXED, ...OUTAGES],
    wouldEnd({ caller, path, headers }) {
      const asked = { identifier: path.identifier, caller, ifMatch: headers["If-Match"] };
      return wouldWithdraw(options, (storage, onWithdrawn) =>
        deleteApi({ ...options, storage }, { ...asked, onWithdrawn }),
      );
    },
    async handle(call) {
      const { caller, path, headers } = call;
      const asked = { identifier: path.identifier, caller, ifMatch: headers["If-Match"] };
      const { api, seq, withdrawnFromApps } = await deleteApi(options, asked);
      const { status, receipt, headers: granted } = await waitForReceipt(options, seq!, call);
      const { identifier, name } = api;
      return { status, headers: granted, body: { identifier, name, withdrawnFromApps, receipt } };
    },
  });

const COMMON = {
  tag: TAG,
  method: "POST",
  scope: API_SCOPES.writeApis,
  parameters: { path: PATH },
  body: CHANGE_BODY,
  errors: [...FIXED, ...OUTAGES],
} as const;

const EXAMPLE = { identifier: IDENTIFIER, name: "Orders", changed: true } as const;

const disableRoute = (options: ApisRoutesOptions) =>
  declareEnding({
    ...COMMON,
    operationId: "disableApi",
    path: "/apis/{identifier}/disable",
    summary: "Disable an API: no token is issued for it",
    description:
      "Every access token for it is refused, with the reason `revoked`. `changed` is false when it was so before; the receipt is repeated then.",
    answer: {
      schema: apiStateSchema,
      examples: {
        enforced: { ...EXAMPLE, status: "disabled", receipt: ENFORCED },
        pending: { ...EXAMPLE, status: "disabled", receipt: PENDING },
      },
    },
    wouldEnd({ caller, path }) {
      const asked = { identifier: path.identifier, caller };
      return tryOut(options, (storage) => setApiEnabled({ ...options, storage }, asked, false));
    },
    async handle(call) {
      const { caller, path, body } = call;
      const asked = { identifier: path.identifier, caller, note: body.note };
      const { api, seq, changed } = await setApiEnabled(options, asked, false);
      const state = { identifier: api.identifier, name: api.name, status: "disabled", changed } as const;
      return answerChange({ state, seq }, options.receipts, call);
    },
  });

const enableRoute = (options: ApisRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "enableApi",
    path: "/apis/{identifier}/enable",
    summary: "Issue tokens for a disabled API again",
    description: "It brings nothing back: what has ended stays ended.",
    answers: {
      200: { says: "The new state.", schema: apiStateSchema, example: { ...EXAMPLE, status: "enabled" } },
    },
    async handle({ caller, path }) {
      const asked = { identifier: path.identifier, caller };
      const { api, changed } = await setApiEnabled(options, asked, true);
      const { identifier, name } = api;
      return { status: 200, body: { identifier, name, status: "enabled", changed } };
    },
  });
