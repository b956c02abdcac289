/** Apps (clients): docs/reference/api.md. */
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
} from "@portcullis/http-api";
import {
  API_SCOPES,
  APP_TYPES,
  type AppState,
  appListSchema,
  appSchema,
  appSettingsSchema,
  appStateSchema,
  changedAppSchema,
  createdAppSchema,
  deletedAppSchema,
  newAppSchema,
} from "@portcullis/protocol";
import { z } from "zod";
import type { App } from "../../apps/clients.ts";
import { appsError } from "../../apps/errors.ts";
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
import { type AppActs, changeApp, deleteApp, disableApp, enableApp, makeApp } from "./change-app.ts";
import { secretsRoutes } from "./secrets-routes.ts";
import { EXAMPLE_APP, shownApp } from "./show-app.ts";

export interface AppsRoutesOptions extends AppActs, TryOutOptions {
  readonly receipts: Receipts;
  readonly offer: OfferAlgorithm;
}

export const appsRoutes = (options: AppsRoutesOptions): readonly DeclaredRoute[] => [
  listRoute(options),
  createRoute(options),
  readRoute(options),
  changeRoute(options),
  deleteRoute(options),
  disableRoute(options),
  enableRoute(options),
  ...secretsRoutes(options),
];

const TAG = "Apps";
const APP_PATH = z.object({
  clientId: z.string().meta({ description: "`client_id` of the app.", example: "mail" }),
});
const UNKNOWN = appsError.definitions("unknown_client");

const listRoute = ({ clients }: AppsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "listApps",
    method: "GET",
    path: "/apps",
    summary: "List the apps, in the order of their `client_id`",
    scope: API_SCOPES.readApps,
    parameters: {
      query: z.strictObject({
        ...listParameters(z.string()),
        type: z.enum(APP_TYPES).optional().meta({ description: "Only apps of this type.", example: "spa" }),
        name: z
          .string()
          .max(100)
          .optional()
          .meta({ description: "Only apps whose name begins so, in whatever letter case.", example: "ma" }),
        enabled: ENABLED_FILTER,
      }),
    },
    answers: {
      200: { says: "A page of the apps.", schema: appListSchema, example: { items: [EXAMPLE_APP] } },
    },
    errors: OUTAGES,
    async handle({ query: { type, name, enabled, ...page } }) {
      const filter = { type, name, enabled };
      const found = await readPage(page, {
        read: (after, limit) => clients.list(filter, after, limit),
        count: () => clients.count(filter),
        placeOf: ({ clientId }) => clientId,
      });
      return { status: 200, body: { ...found, items: found.items.map(shownApp) } };
    },
  });

const createRoute = (options: AppsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "createApp",
    method: "POST",
    path: "/apps",
    summary: "Create an app",
    description:
      "An app that authenticates with a secret gets its first one. It is shown once: only its hash is stored. Permissions at this server's own API are for callers who have them.",
    scope: API_SCOPES.writeApps,
    body: {
      schema: newAppSchema,
      example: {
        clientId: "mail",
        type: "spa",
        name: "Mail",
        redirectUris: ["https://mail.example/callback"],
        apis: { "https://orders.example": ["orders.read"] },
      },
    },
    answers: {
      201: {
        says: "It is there, and may ask for tokens.",
        schema: createdAppSchema,
        example: EXAMPLE_APP,
        headers: { ...ETAG, Location: "Where it is." },
      },
    },
    errors: [...appsError.definitions("client_exists", "not_yours_to_give"), ...OUTAGES],
    async handle({ caller, body }) {
      const algorithm = body.idTokenAlgorithm;
      const { app, clientSecret, warning } = await withKeysOf({ ...options, algorithm }, (storage) =>
        makeApp({ ...options, storage }, caller, body),
      );
      const secret = clientSecret === undefined ? {} : { clientSecret };
      const headers = {
        ...etagOf(app.revision),
        location: `/api/v1/apps/${encodeURIComponent(app.clientId)}`,
      };
      const ofSlash = await slashWarningOf(options, app);
      return {
        status: 201,
        headers,
        body: { ...shownApp(app), ...secret, ...warningMember(warning, ofSlash) },
      };
    },
  });

const slashWarningOf = ({ apis }: AppsRoutesOptions, app: { readonly apis: object }) =>
  slashWarning({ field: "apis", identifiers: Object.keys(app.apis), apis });

const readRoute = ({ clients }: AppsRoutesOptions) =>
  declareRoute({
    tag: TAG,
    operationId: "readApp",
    method: "GET",
    path: "/apps/{clientId}",
    summary: "See one app",
    scope: API_SCOPES.readApps,
    parameters: { path: APP_PATH },
    answers: { 200: { says: "The app.", schema: appSchema, example: EXAMPLE_APP, headers: ETAG } },
    errors: [...UNKNOWN, ...OUTAGES],
    async handle({ path }) {
      const app = await clients.get(path.clientId);
      return { status: 200, headers: etagOf(app.revision), body: shownApp(app) };
    },
  });

const VERSIONED = z.object(IF_MATCH);

const changeRoute = (options: AppsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "changeApp",
    method: "PATCH",
    path: "/apps/{clientId}",
    summary: "Change an app",
    description:
      "A permission, an API or a grant type that is taken away makes its tokens stale: they are refused with the reason `claims_changed`, and the next refresh brings what is true. An app that is no longer `firstParty` loses what it was given without asking. A name or a redirect URI ends nothing. `type`, `clientAuthentication` and `clientId` cannot be changed.",
    scope: API_SCOPES.writeApps,
    parameters: { path: APP_PATH, headers: VERSIONED },
    body: {
      schema: mergePatchOf(appSettingsSchema),
      example: { name: "Mail for everybody", defaultApi: null },
      isMergePatch: true,
    },
    answer: changedAnswer("The app", { schema: changedAppSchema, example: { ...EXAMPLE_APP, revision: 2 } }),
    errors: [...appsError.definitions("unknown_client", "not_yours_to_give"), ...OUTAGES],
    wouldEnd({ caller, path, body: patch, headers }) {
      const asked = { clientId: path.clientId, patch, ifMatch: headers["If-Match"] };
      return tryOut(options, (storage) => changeApp({ ...options, storage }, caller, asked));
    },
    async handle(call) {
      const { caller, path, body: patch, headers } = call;
      const asked = { clientId: path.clientId, patch, ifMatch: headers["If-Match"] };
      const algorithm = patch.idTokenAlgorithm;
      const { app, seq, warning } = await withKeysOf({ ...options, algorithm }, (storage) =>
        changeApp({ ...options, storage }, caller, asked),
      );
      // Only to whoever names them: a change of something else is no time to be told.
      const ofSlash = "apis" in patch ? await slashWarningOf(options, app) : undefined;
      const state = { ...shownApp(app), ...warningMember(warning, ofSlash) };
      const { revision } = app;
      return answerChange({ state, seq, revision }, options.receipts, call);
    },
  });

const deleteRoute = (options: AppsRoutesOptions) =>
  declareEnding({
    tag: TAG,
    operationId: "deleteApp",
    method: "DELETE",
    path: "/apps/{clientId}",
    summary: "Delete an app",
    description:
      "Every grant and token of it ends, with the reason `client_disabled`. Its `client_id` is never given again, and its users still see what they had allowed it.",
    scope: API_SCOPES.writeApps,
    parameters: { path: APP_PATH, headers: VERSIONED },
    answer: {
      schema: deletedAppSchema,
      says: {
        enforced: "It is gone. Every verifier refuses what has ended.",
        pending: "It is gone. A verifier may still allow what has ended, until `enforcedBy` at the latest.",
      },
      examples: {
        enforced: { clientId: "mail", name: "Mail", receipt: ENFORCED },
        pending: { clientId: "mail", name: "Mail", receipt: PENDING },
      },
    },
    errors: [...appsError.definitions("unknown_client", "own_app", "not_yours_to_give"), ...OUTAGES],
    wouldEnd({ caller, path, headers }) {
      const ending = { clientId: path.clientId, caller, ifMatch: headers["If-Match"] };
      return tryOut(options, (storage) => deleteApp({ ...options, storage }, ending));
    },
    async handle(call) {
      const { caller, path, headers } = call;
      const ending = { clientId: path.clientId, caller, ifMatch: headers["If-Match"] };
      const { app, seq } = await deleteApp(options, ending);
      const { status, receipt, headers: granted } = await waitForReceipt(options, seq!, call);
      return { status, headers: granted, body: { clientId: app.clientId, name: app.name, receipt } };
    },
  });

const COMMON = {
  tag: TAG,
  method: "POST",
  scope: API_SCOPES.writeApps,
  parameters: { path: APP_PATH, headers: VERSIONED },
  body: CHANGE_BODY,
} as const;

const EXAMPLE = { clientId: "mail", name: "Mail", changed: true } as const;

const disableRoute = (options: AppsRoutesOptions) =>
  declareEnding({
    ...COMMON,
    operationId: "disableApp",
    path: "/apps/{clientId}/disable",
    summary: "Disable an app: no endpoint accepts it",
    description:
      "Every grant and token of it ends, with the reason `client_disabled`. `changed` is false when it was so before; the receipt is repeated then.",
    answer: {
      schema: appStateSchema,
      examples: {
        enforced: { ...EXAMPLE, status: "disabled", receipt: ENFORCED },
        pending: { ...EXAMPLE, status: "disabled", receipt: PENDING },
      },
    },
    errors: [...appsError.definitions("unknown_client", "own_app", "not_yours_to_give"), ...OUTAGES],
    wouldEnd({ caller, path, headers }) {
      const ending = { clientId: path.clientId, caller, ifMatch: headers["If-Match"] };
      return tryOut(options, (storage) => disableApp({ ...options, storage }, ending));
    },
    async handle(call) {
      const { caller, path, body, headers } = call;
      const ending = { clientId: path.clientId, caller, note: body.note, ifMatch: headers["If-Match"] };
      const ended = await disableApp(options, ending);
      const state = stateOf(ended, "disabled");
      return answerChange({ state, seq: ended.seq }, options.receipts, call);
    },
  });

const enableRoute = (options: AppsRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "enableApp",
    path: "/apps/{clientId}/enable",
    summary: "Let a disabled app ask for tokens again",
    description: "It brings nothing back: what has ended stays ended.",
    answers: {
      200: {
        says: "The new state.",
        schema: appStateSchema,
        example: { ...EXAMPLE, status: "enabled" },
      },
    },
    errors: [...appsError.definitions("unknown_client", "not_yours_to_give"), ...OUTAGES],
    async handle({ caller, path, headers }) {
      const asked = { clientId: path.clientId, caller, ifMatch: headers["If-Match"] };
      return { status: 200, body: stateOf(await enableApp(options, asked), "enabled") };
    },
  });

const stateOf = (
  { app, changed }: { readonly app: App; readonly changed: boolean },
  status: AppState["status"],
): AppState => ({ clientId: app.clientId, name: app.name, status, changed });
