/** Tokens for scripts of others, for whoever administers: `/api/v1/users/{user}/tokens` and `/api/v1/apps/{clientId}/tokens`. */
import type { DeclaredRoute } from "@portcullis/http-api";
import { API_SCOPES } from "@portcullis/protocol";
import { z } from "zod";
import type { Apis } from "../../apis/apis.ts";
import type { Clients } from "../../apps/clients.ts";
import { appsError } from "../../apps/errors.ts";
import { peopleError } from "../../people/errors.ts";
import type { Users } from "../../people/users.ts";
import { rolesError } from "../../roles/errors.ts";
import { giverOf } from "../apps/may-give.ts";
import { type Authority, authorityOf } from "../check-authority.ts";
import { USER_PATH } from "../users/shown-user.ts";
import { appAsOwner, userAsOwner } from "./token-acts.ts";
import { type TokenRoutesOptions, tokenRoutes } from "./token-routes.ts";

export interface AdministeredTokensOptions extends TokenRoutesOptions {
  readonly users: Pick<Users, "findNamed" | "findRow">;
  readonly clients: Clients;
  readonly apis: Apis;
  readonly authority: Authority;
}

export const administeredTokensRoutes = (options: AdministeredTokensOptions): readonly DeclaredRoute[] => [
  ...tokenRoutes(options, ofUsers(options)),
  ...tokenRoutes(options, ofApps(options)),
];

const SCOPES = { readScope: API_SCOPES.readTokens, writeScope: API_SCOPES.writeTokens } as const;

/** A token acts as its user: nobody gets one of somebody who may do more than he. */
const ofUsers = (options: AdministeredTokensOptions) =>
  ({
    ...SCOPES,
    owner: "User",
    words: "a user",
    path: "/users/{user}/tokens",
    parameters: USER_PATH,
    unknown: peopleError.definitions("unknown_subject", "ambiguous_user"),
    refused: rolesError.definitions("administrator_needed"),
    async find({ path }: { readonly path: z.output<typeof USER_PATH> }) {
      const { id, username } = await options.users.findNamed({ db: options.storage.read }, path.user);
      const user = { sub: id, ...(username === null ? {} : { username }) };
      return { kind: "personal", ownerId: id, shown: { user } };
    },
    async locking({ path, caller }) {
      const requireOver = await authorityOf(options.authority, caller);
      return async (transaction) => {
        const user = await options.users.findRow(transaction, path.user);
        await requireOver(transaction, user.id);
        return userAsOwner(transaction, options, user);
      };
    },
  }) satisfies Parameters<typeof tokenRoutes<typeof USER_PATH>>[1];

const APP_PATH = z.object({
  clientId: z.string().meta({ description: "`client_id` of the app.", example: "mail" }),
});

/** A key acts as its app: nobody gives one of an app that has powers which he lacks. */
const ofApps = (options: AdministeredTokensOptions) =>
  ({
    ...SCOPES,
    owner: "App",
    words: "an app",
    path: "/apps/{clientId}/tokens",
    parameters: APP_PATH,
    unknown: appsError.definitions("unknown_client"),
    refused: appsError.definitions("not_yours_to_give"),
    async find({ path }: { readonly path: z.output<typeof APP_PATH> }) {
      const { clientId, name } = await options.clients.get(path.clientId);
      return { kind: "key", ownerId: clientId, shown: { app: { clientId, name } } };
    },
    async locking({ path, caller }) {
      const assertMayGive = await giverOf(options, caller);
      return async (transaction) => {
        const app = await options.clients.lock(transaction, path.clientId);
        assertMayGive(app);
        return appAsOwner(app);
      };
    },
  }) satisfies Parameters<typeof tokenRoutes<typeof APP_PATH>>[1];
