/** Disabling and enabling apps (clients): `POST /api/v1/apps/{clientId}/disable` and `/enable`. */
import { actorOf, type DeclaredRoute, declareRoute } from "@portcullis/http-api";
import { API_SCOPES, type AppState, appStateSchema } from "@portcullis/protocol";
import { z } from "zod";
import { type App, type Clients, endClient } from "../apps/clients.ts";
import { appsError } from "../apps/errors.ts";
import {
  ENFORCED,
  type EndBelow,
  OUTAGES,
  PENDING,
  preferSchema,
  type Receipts,
  type Revoker,
} from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import { answerChange, CHANGE_BODY, type Change, changeAnswers } from "./answer-change.ts";

export interface AppsRoutesOptions {
  readonly clients: Clients;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly receipts: Receipts;
}

export const appsRoutes = (options: AppsRoutesOptions): readonly DeclaredRoute[] => [
  disableRoute(options),
  enableRoute(options),
];

const COMMON = {
  tag: "Apps",
  method: "POST",
  scope: API_SCOPES.writeApps,
  parameters: {
    path: z.object({
      clientId: z.string().meta({ description: "`client_id` of the app.", example: "mail" }),
    }),
    headers: preferSchema,
  },
  body: CHANGE_BODY,
} as const;

const EXAMPLE = { clientId: "mail", name: "Mail", changed: true } as const;

const disableRoute = (options: AppsRoutesOptions) =>
  declareRoute({
    ...COMMON,
    operationId: "disableApp",
    path: "/apps/{clientId}/disable",
    summary: "Disable an app: no endpoint accepts it",
    description:
      "Every grant and token of the app ends, with the reason `client_disabled`. If the app was disabled already, `changed` is false and the receipt is the earlier one.",
    answers: changeAnswers(appStateSchema, {
      enforced: { ...EXAMPLE, status: "disabled", receipt: ENFORCED },
      pending: { ...EXAMPLE, status: "disabled", receipt: PENDING },
    }),
    errors: [...appsError.definitions("unknown_client", "own_app"), ...OUTAGES],
    async handle(call) {
      assertNotItself(call.path.clientId, call.caller.clientId);
      const by = { clientId: call.path.clientId, actor: actorOf(call.caller), note: call.body.note };
      return answerChange(await disable(options, by), options.receipts, call);
    },
  });

interface Disabling {
  readonly clientId: string;
  readonly actor: string;
  readonly note: string | undefined;
}

async function disable(
  { clients, storage, endBelow, revoker }: AppsRoutesOptions,
  { clientId, actor, note }: Disabling,
): Promise<Change<AppState>> {
  const { app, appended } = await storage.write(async (transaction) => {
    const app = await clients.lock(transaction, clientId);
    if (!app.enabled) return { app };
    await clients.disable(transaction, clientId);
    const by = { clientId, actor, ...(note === undefined ? {} : { note }) };
    return { app, appended: await endClient(transaction, by, endBelow) };
  });
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "client", key: clientId }]));
  return { state: stateOf(app, "disabled", appended !== undefined), seq };
}

/** Whoever may disable apps stays able to enable them: nobody can lock everybody out by this. */
function assertNotItself(clientId: string, caller: string): void {
  if (clientId !== caller) return;
  throw appsError("own_app", {
    text: `clientId: found ${clientId}, which is the app that makes this call: it would lock itself out. Let another app disable it.`,
  });
}

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
    errors: [...appsError.definitions("unknown_client"), ...OUTAGES],
    handle: async ({ path }) => ({ status: 200, body: await enable(options, path.clientId) }),
  });

async function enable({ clients, storage }: AppsRoutesOptions, clientId: string): Promise<AppState> {
  const app = await storage.write(async (transaction) => {
    const found = await clients.lock(transaction, clientId);
    if (!found.enabled) await clients.enable(transaction, clientId);
    return found;
  });
  return stateOf(app, "enabled", !app.enabled);
}

const stateOf = ({ clientId, name }: App, status: AppState["status"], changed: boolean): AppState => ({
  clientId,
  name,
  status,
  changed,
});
