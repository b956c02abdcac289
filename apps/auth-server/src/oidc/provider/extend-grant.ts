import type { Provider } from "oidc-provider";
import type { Allowed } from "../state/consents.ts";
import type { GrantOwner, GrantPayload } from "../state/grant-store.ts";

export interface GrantExtension {
  readonly owner: GrantOwner;
  readonly existing: GrantPayload | undefined;
  readonly allowed: Allowed;
}

/** Gives the grant with what was allowed: an existing one of this session and client keeps its id, and so its tokens. */
export async function extendGrant(
  provider: Provider,
  { owner, existing, allowed }: GrantExtension,
): Promise<GrantPayload> {
  const grant = new provider.Grant((existing ?? owner) as never);
  allow(grant, allowed);
  const model = grant as unknown as SavedModel;
  model.jti ??= model.generateTokenId();
  const { payload } = await model.getValueAndPayload();
  return { ...payload, ...owner, jti: model.jti };
}

/** Of one that is not stored by this. */
export function allow(grant: InstanceType<Provider["Grant"]>, allowed: Allowed): void {
  if (allowed.scopes.length > 0) grant.addOIDCScope(allowed.scopes.join(" "));
  if (allowed.claims.length > 0) grant.addOIDCClaims([...allowed.claims]);
  for (const [resource, scopes] of Object.entries(allowed.resources))
    if (scopes.length > 0) grant.addResourceScope(resource, scopes.join(" "));
}

/** What the library's `save` does around its adapter. */
interface SavedModel {
  jti: string;
  generateTokenId(): string;
  getValueAndPayload(): Promise<{ payload: GrantPayload }>;
}
