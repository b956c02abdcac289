/** What oidc-provider stores through: one adapter a model, chosen by the table at the end. */

import type { IncomingMessage } from "node:http";
import { hasCode, looksLikeOpaqueToken } from "@portcullis/protocol";
import { type Adapter, type AdapterPayload, errors, Provider } from "oidc-provider";
import type { Apis } from "../../apis/apis.ts";
import type { Clients } from "../../apps/clients.ts";
import type { Users } from "../../people/users.ts";
import { oidcError } from "../errors.ts";
import { type DeadToken, requestState } from "../request-state.ts";
import type { ArtefactStore } from "../state/artefact-store.ts";
import type { GrantStore } from "../state/grant-store.ts";
import { type InteractionCache, interactionAdapter } from "../state/interaction-adapter.ts";
import type { SessionPayload, SessionStore } from "../state/session-store.ts";
import { assertReuse } from "../tokens/refresh-grace.ts";
import type { FindUserinfoToken } from "../tokens/userinfo-tokens.ts";
import { settleResources } from "./settle-resources.ts";

export interface Stores {
  readonly artefacts: ArtefactStore;
  readonly sessions: SessionStore;
  readonly grants: GrantStore;
  readonly clients: Clients;
  readonly apis: Pick<Apis, "named">;
  readonly users: Users;
  /** Default: interactions are in SQL, like everything else. */
  readonly interactions?: InteractionCache | undefined;
  readonly maxStoredBytes: number;
  readonly addressOf: (request: IncomingMessage) => string;
  /** Ends the grant and appends it to the log, in one transaction, at once. */
  readonly endGrant: (grantId: string) => Promise<unknown>;
  readonly findUserinfoToken: FindUserinfoToken;
}

type AdapterMethods = Partial<Adapter>;

/** A call that no flow of ours makes must not pass for done. */
const unsupported = async (): Promise<never> => {
  throw oidcError("unknown_model");
};

const BASE: Adapter = {
  upsert: unsupported,
  find: unsupported,
  findByUserCode: unsupported,
  findByUid: unsupported,
  consume: unsupported,
  destroy: unsupported,
  revokeByGrantId: unsupported,
};

export function createAdapter(stores: Stores): (model: string) => Adapter {
  const special: Record<string, AdapterMethods> = {
    Session: sessionAdapter(stores),
    Grant: grantAdapter(stores),
    AccessToken: accessTokenAdapter(stores),
    Client: clientAdapter(stores),
  };
  if (stores.interactions !== undefined) {
    special.Interaction = interactionAdapter(stores.artefacts, stores.interactions, stores.maxStoredBytes);
  }
  return (model) => ({ ...BASE, ...(special[model] ?? artefactAdapter(stores.artefacts, model)) });
}

function sessionAdapter({ sessions, users, addressOf }: Stores): AdapterMethods {
  /** A session of a user who is gone or disabled leads nowhere: the library asks to sign in then. */
  const ofActiveUser = async (payload: SessionPayload | undefined) => {
    const accountId = payload?.accountId;
    const isOver = accountId !== undefined && (await users.findActive(accountId)) === undefined;
    return isOver ? undefined : (payload as AdapterPayload | undefined);
  };
  const state = () => requestState(Provider.ctx ?? { state: {} });
  return {
    find: async (id) => ofActiveUser(await sessions.find(id)),
    findByUid: async (uid) => ofActiveUser(await sessions.findByUid(uid)),
    upsert: async (id, payload, ttlSeconds) =>
      void (await asLibraryError(
        sessions.save({
          id,
          payload: payload as unknown as SessionPayload,
          ttlSeconds: ttlSeconds!,
          replaces: state().replacedSessionId,
          userAgent: Provider.ctx?.get("user-agent"),
          address: Provider.ctx && addressOf(Provider.ctx.req),
          passwordMark: loginOf(Provider.ctx)?.passwordMark,
          ends: loginOf(Provider.ctx)?.ends,
          ofApp: loginOf(Provider.ctx)?.ofApp,
        }),
      )),
    /** The library rotates an id by destroy-then-save. Ending a session takes another way (models.ts). */
    destroy: async (id) => {
      state().replacedSessionId = id;
    },
  };
}

/** What the sign-in has left for the request that comes from it (interaction-routes.ts, open-for-app.ts). */
const loginOf = (ctx: typeof Provider.ctx) =>
  ctx?.oidc.result?.login as
    | { readonly passwordMark?: string; readonly ends?: readonly string[]; readonly ofApp?: string }
    | undefined;

async function asLibraryError<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const isBeyondLimit = hasCode(error, "session_limit_reached");
    if (isBeyondLimit && Provider.ctx) requestState(Provider.ctx).isBeyondSessionLimit = true;
    if (isBeyondLimit || hasCode(error, "session_taken")) throw new errors.SessionNotFound(error.message);
    throw error;
  }
}

/** Saved by the consent page alone, through GrantStore. Ended here: every way of the library that revokes ends here. */
function grantAdapter({ grants, endGrant }: Stores): AdapterMethods {
  return {
    find: async (id) => (await grants.find(id)) as AdapterPayload | undefined,
    destroy: async (id) => void (await endGrant(id)),
  };
}

function clientAdapter({ clients, apis }: Stores): AdapterMethods {
  return {
    async find(id) {
      const client = await clients.find(id);
      if (client !== undefined && Provider.ctx?.oidc !== undefined) {
        await settleResources(Provider.ctx, { client, apis });
      }
      return client as AdapterPayload | undefined;
    },
  };
}

/** JWTs are in no table. The library looks one up for UserInfo alone: it refuses them elsewhere before it comes here. */
function accessTokenAdapter({ artefacts, findUserinfoToken }: Stores): AdapterMethods {
  const tellDenial = (dead: DeadToken) => {
    if (Provider.ctx) requestState(Provider.ctx).deadToken = dead;
  };
  return {
    ...artefactAdapter(artefacts, "AccessToken"),
    async find(id) {
      if (id.includes(".")) return findUserinfoToken(id, tellDenial);
      return isForScripts(id) ? undefined : artefacts.find("AccessToken", id, tellDenial);
    },
  };
}

/** Of the tokens and codes that the library makes up. One of them could begin as a token for scripts does. */
const LIBRARY_ID_CHARACTERS = 43;

/** The library would look for it as a token of each kind that it knows: a read each, which a flood of made-up ones must not cost. */
const isForScripts = (id: string): boolean => id.length !== LIBRARY_ID_CHARACTERS && looksLikeOpaqueToken(id);

function artefactAdapter(artefacts: ArtefactStore, model: string): AdapterMethods {
  return {
    upsert: (id, payload, ttlSeconds) => artefacts.save({ model, id, payload, ttlSeconds: ttlSeconds! }),
    find: async (id) => {
      if (isForScripts(id)) return undefined;
      const payload = await artefacts.find(model, id);
      if (model === "RefreshToken" && payload?.consumed !== undefined) await assertReuse(Provider.ctx);
      return payload;
    },
    consume: (id) => artefacts.consume(model, id),
    destroy: (id) => artefacts.destroy(model, id),
    // Whatever hangs below a grant ends with the grant (lineage.ts), in the transaction that logs it. Ending it
    // without the grant would leave its JWT access tokens alive.
    revokeByGrantId: async () => {},
  };
}
