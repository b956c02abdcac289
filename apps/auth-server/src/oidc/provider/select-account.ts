/** `prompt=select_account` (OpenID Connect Core 1.0, section 3.1.2.1): whoever is signed in says as whom to go on. */
import { interactionPolicy, type KoaContextWithOIDC } from "oidc-provider";

const { Check, Prompt } = interactionPolicy;

export const SELECT_ACCOUNT = "select_account";

/** What the page has left. */
interface Selected {
  readonly isAnother: boolean;
}

const selectedIn = ({ oidc }: KoaContextWithOIDC): Selected | undefined =>
  oidc.result?.[SELECT_ACCOUNT] as Selected | undefined;

/** Before the sign-in. Whoever is not signed in, or has just signed in for this very request, has chosen by that. */
export function selectAccountPrompt() {
  const prompt = new Prompt({ name: SELECT_ACCOUNT, requestable: true });
  prompt.checks.clear();
  prompt.checks.add(
    new Check(
      "select_account_prompt",
      "the user has to choose an account",
      "account_selection_required",
      (ctx) => {
        const { oidc } = ctx;
        const isSignedIn = oidc.session?.accountId !== undefined && oidc.result?.login === undefined;
        return isSignedIn && oidc.promptPending(SELECT_ACCOUNT);
      },
    ),
  );
  return prompt;
}

/** Of the prompt `login`. */
export const askForOtherAccount = () =>
  new Check(
    "other_account",
    "the user has chosen another account",
    "login_required",
    (ctx: KoaContextWithOIDC) => {
      return selectedIn(ctx)?.isAnother === true && ctx.oidc.result?.login === undefined;
    },
  );
