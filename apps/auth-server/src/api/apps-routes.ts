/** Disabling and enabling apps (clients): `POST /api/v1/apps/{clientId}/disable` and `/enable`. */

import { callerOf, checkBody } from "@portcullis/feed-server";
import { API_SCOPES, type AppState } from "@portcullis/protocol";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ClientRow, type Clients, endClient, namedClientOf } from "../apps/clients.ts";
import { appsError } from "../apps/errors.ts";
import type { EndBelow, Receipts, Revoker } from "../revocations/index.ts";
import type { Storage } from "../storage/storage.ts";
import type { ApiRoutes } from "./mount-api.ts";
import { type Change, changeSchema, sendChange } from "./send-change.ts";

export interface AppsRoutesOptions {
  readonly clients: Clients;
  readonly storage: Storage;
  readonly endBelow: EndBelow;
  readonly revoker: Pick<Revoker, "seqOf">;
  readonly receipts: Receipts;
}

export function appsRoutes(options: AppsRoutesOptions): (routes: ApiRoutes) => void {
  const answering =
    (change: (options: AppsRoutesOptions, request: FastifyRequest) => Promise<Change<AppState>>) =>
    async (request: FastifyRequest, reply: FastifyReply) =>
      sendChange({ request, reply }, await change(options, request), options.receipts);
  return ({ app, needs }) => {
    app.post("/apps/:clientId/disable", needs(API_SCOPES.writeApps), answering(disable));
    app.post("/apps/:clientId/enable", needs(API_SCOPES.writeApps), answering(enable));
  };
}

const idOf = ({ params }: FastifyRequest): string => (params as { clientId: string }).clientId;

async function disable(options: AppsRoutesOptions, request: FastifyRequest): Promise<Change<AppState>> {
  const { clients, storage, endBelow, revoker } = options;
  const clientId = idOf(request);
  const actor = callerOf(request).clientId;
  const note = checkBody(changeSchema, request.body ?? {}).note;
  assertNotItself(clientId, actor);
  const { row, appended } = await storage.write(async (transaction) => {
    const row = await clients.findRow(transaction, clientId);
    if (row.disabled_at !== null) return { row };
    await clients.disable(transaction, clientId);
    const by = { clientId, actor, ...(note === undefined ? {} : { note }) };
    return { row, appended: await endClient(transaction, by, endBelow) };
  });
  const seq = appended?.seq ?? (await revoker.seqOf([{ scope: "client", key: clientId }]));
  return { state: stateOf(row, "disabled", appended !== undefined), seq };
}

/** Whoever may disable apps stays able to enable them: nobody can lock everybody out by this. */
function assertNotItself(clientId: string, actor: string): void {
  if (clientId !== actor) return;
  throw appsError("own_app", {
    text: `clientId: found ${clientId}, which is the app that makes this call: it would lock itself out. Let another app disable it, or take it out of the configuration file.`,
  });
}

async function enable(options: AppsRoutesOptions, request: FastifyRequest): Promise<Change<AppState>> {
  const { clients, storage } = options;
  checkBody(changeSchema, request.body ?? {});
  const row = await storage.write(async (transaction) => {
    const found = await clients.findRow(transaction, idOf(request));
    assertInFile(found);
    if (found.disabled_at !== null) await clients.enable(transaction, found.client_id);
    return found;
  });
  return { state: stateOf(row, "enabled", row.disabled_at !== null), seq: undefined };
}

function assertInFile({ client_id, removed_at }: ClientRow): void {
  if (removed_at === null) return;
  throw appsError("app_removed", {
    text: `clientId: found ${client_id}, which the configuration file of the last start does not have any more. Put it back there, and start the server.`,
  });
}

const stateOf = (row: ClientRow, status: AppState["status"], changed: boolean): AppState => ({
  ...namedClientOf(row),
  status,
  changed,
});
