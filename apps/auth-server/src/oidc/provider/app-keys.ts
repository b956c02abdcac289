/**
 * Keys by which apps prove who they are (`private_key_jwt`), where an app publishes them itself (`jwksUri`). The library verifies; here
 * is how long what it has fetched counts, and what becomes of a request while it cannot be fetched.
 */
import type { Clock } from "@portcullis/protocol";
import { errors, type KoaContextWithOIDC, Provider } from "oidc-provider";
import type { GuardedFetch } from "../../outgoing/index.ts";
import { oidcError } from "../errors.ts";

/** Of one app, as the library keeps them. */
interface KeyStore {
  stale(): boolean;
  refresh(): Promise<void>;
  freshUntil?: number | undefined;
}

interface KeyedClient {
  readonly jwksUri?: string | undefined;
  readonly asymmetricKeyStore: KeyStore;
}

interface ClientModel {
  find(id: string): Promise<KeyedClient | undefined>;
}

/** Anybody can send an assertion in an app's name: so often is its server asked while it fails. */
const RETRY_MS = 5_000;

/**
 * Fetches the keys again before an assertion is verified with old ones. The library does so only when no key fits, so that a key
 * that an app has withdrawn would be good for as long as it is used. Fails closed, with 503: without its keys an app is neither
 * itself nor somebody else.
 */
export function refreshAppKeys(provider: Provider, clock: Pick<Clock, "monotonicMs">): void {
  const Client = provider.Client as unknown as ClientModel;
  const original = Client.find;
  const failures = new WeakMap<KeyStore, number>();
  const refresh = async (store: KeyStore) => {
    const now = clock.monotonicMs();
    if (now < (failures.get(store) ?? Number.NEGATIVE_INFINITY) + RETRY_MS)
      throw oidcError("app_keys_unavailable");
    try {
      await store.refresh();
    } catch (cause) {
      failures.set(store, now);
      // The library has counted an answer as fresh before it found out that it is no key set: the keys of before would be good on.
      store.freshUntil = undefined;
      throw oidcError("app_keys_unavailable", { cause });
    }
  };
  Client.find = async (id) => {
    const client = await original.call(Client, id);
    const store =
      client?.jwksUri === undefined || !bringsAssertion(Provider.ctx) ? undefined : client.asymmetricKeyStore;
    if (store?.stale()) await refresh(store);
    return client;
  };
}

const bringsAssertion = (ctx: KoaContextWithOIDC | undefined): boolean =>
  (ctx?.oidc?.params as { client_assertion?: unknown } | undefined)?.client_assertion !== undefined;

/**
 * Returns a fetch for key sets. Whatever their server says of caching, the library then keeps them for the minute that it keeps
 * everything: a withdrawn key is refused after that. An answer that is none would count as fresh, with the keys of before.
 */
export const appKeysFrom =
  (fetch: GuardedFetch): ((url: URL) => Promise<Response>) =>
  async (url) => {
    const answer = await fetch(url, { headers: { accept: "application/jwk-set+json, application/json" } });
    if (answer.status !== 200)
      throw new Error(`${url.origin}${url.pathname} answers ${answer.status} where keys are due`);
    return new Response(await answer.arrayBuffer());
  };

/** An assertion is for one request, and its name is kept until it ends: seconds. */
const MAX_ASSERTION_SECONDS = 600;
const MAX_JTI_LENGTH = 512;

interface AssertionRules {
  readonly clockSkewSeconds: number;
  readonly nowSeconds: () => number;
}

/**
 * What an assertion must be beyond what the library has checked: signature, `iss`, `sub`, `jti`, and that `aud` and `exp` are there.
 * An `aud` that names anybody else is refused: whoever received it there could show it here first.
 */
export const checkAssertion =
  ({ clockSkewSeconds, nowSeconds }: AssertionRules) =>
  async (ctx: KoaContextWithOIDC, claims: Readonly<Record<string, unknown>>): Promise<void> => {
    const { aud, exp, jti } = claims;
    const accepted = (
      ctx.oidc as unknown as { clientJwtAuthExpectedAudience(): Set<unknown> }
    ).clientJwtAuthExpectedAudience();
    if (![aud].flat().every((audience) => accepted.has(audience))) refuse("aud names somebody else too");
    if (!((exp as number) <= nowSeconds() + MAX_ASSERTION_SECONDS + clockSkewSeconds)) {
      refuse(`exp is more than ${MAX_ASSERTION_SECONDS} s away`);
    }
    if (typeof jti !== "string" || jti.length > MAX_JTI_LENGTH) refuse("jti is no text, or too long");
  };

function refuse(detail: string): never {
  throw new errors.InvalidClientAuth({ detail });
}
