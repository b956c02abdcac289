import type { Provider } from "oidc-provider";
import {
  contentOf,
  type EditionsOf,
  heldIn,
  isNothing,
  joined,
  ofCurrentApis,
  stamped,
} from "../state/allowed.ts";
import type { GrantContent, GrantOwner, GrantPayload } from "../state/grant-store.ts";

export interface GrantExtension {
  readonly owner: GrantOwner;
  readonly existing: GrantPayload | undefined;
  readonly content: GrantContent;
  /** Those that the request asks for, as they are today. */
  readonly apis: readonly EditionsOf[];
}

/** Gives the grant with what was allowed: an existing one of this session and client keeps its id, and so its tokens. */
export async function extendGrant(
  provider: Provider,
  { owner, existing, content, apis }: GrantExtension,
): Promise<GrantPayload> {
  const grant = new provider.Grant((existing ?? owner) as never) as unknown as SavedModel;
  const before = ofCurrentApis(heldIn(existing ?? {}), apis);
  const allowed = stamped(joined(before, ofCurrentApis(content.allowed, apis)), apis);
  grant.jti ??= grant.generateTokenId();
  const { payload } = await grant.getValueAndPayload();
  return {
    ...payload,
    ...owner,
    ...contentOf(allowed),
    rejected: isNothing(content.rejected) ? undefined : contentOf(content.rejected),
    scopeEditions: allowed.scopeEditions,
    editions: allowed.editions,
    once: isNothing(content.once) ? undefined : content.once,
    until: content.until,
    jti: grant.jti,
  };
}

/** What the library's `save` does around its adapter. */
interface SavedModel {
  jti: string;
  generateTokenId(): string;
  getValueAndPayload(): Promise<{ payload: GrantPayload }>;
}
