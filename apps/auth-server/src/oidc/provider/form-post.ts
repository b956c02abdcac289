/** The response mode `form_post` on a page of ours: the library's own can be told neither layout nor policy. */
import type { KoaContextWithOIDC } from "oidc-provider";
import { formPostPage } from "../../pages/form-post-page.ts";
import { headersOfFormToApp } from "../../pages/security-headers.ts";

type Answer = Readonly<Record<string, unknown>>;

/** An error is answered the same way, since the app reads no other place. It is no failure of this page, whose status is 200 then too. */
export function answerByForm(ctx: KoaContextWithOIDC, redirectUri: string, answer: Answer): void {
  ctx.set(headersOfFormToApp());
  ctx.status = 200;
  ctx.type = "html";
  ctx.body = formPostPage({ action: redirectUri, fields: answer as Readonly<Record<string, string>> });
}
