/** When the user is asked: as the library says, but for native apps, whose consents are remembered too. */
import { interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";

const { Check, base } = interactionPolicy;

export function interactionRules() {
  const policy = base();
  const consent = policy.get("consent")!;
  consent.checks.remove("native_client_prompt");
  consent.checks.add(askForNativeApp());
  return policy;
}

/**
 * RFC 8252, section 8.6: another program on the device can pretend to be a native app, so that a request of one is never
 * answered while nobody looks. The library would ask for consent each time; whoever has just signed in has looked.
 */
const askForNativeApp = () =>
  new Check(
    "native_client_prompt",
    "native clients require End-User interaction",
    "interaction_required",
    ({ oidc }: KoaContextWithOIDC) => oidc.client?.applicationType === "native" && !hasLooked(oidc.result),
  );

const hasLooked = (result: { readonly login?: unknown; readonly consent?: unknown } | undefined): boolean =>
  result?.login !== undefined || result?.consent !== undefined;
