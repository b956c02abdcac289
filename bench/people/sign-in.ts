/** Signs the one person of the configuration in through the pages, as a person does: what it leaves in SQL is what is copied. */
import { createHash, randomBytes } from "node:crypto";
import { PlainBrowser } from "@portcullis/testing/end-to-end";
import { AUDIENCE, PERSON, REDIRECT_URI } from "../processes/clients.ts";

export interface Tokens {
  readonly access_token: string;
  readonly refresh_token: string;
}

/** Resolves once the app has its tokens. */
export async function signIn(issuer: string, client: string): Promise<Tokens> {
  const verifier = randomBytes(32).toString("base64url");
  const url = new URL("/authorize", issuer);
  const parameters = {
    client_id: client,
    response_type: "code",
    redirect_uri: REDIRECT_URI,
    scope: "openid profile orders.read",
    resource: AUDIENCE,
    code_challenge: createHash("sha256").update(verifier).digest("base64url"),
    code_challenge_method: "S256",
  };
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  const isEnd = ({ href }: URL) => href.startsWith(REDIRECT_URI);
  const browser = new PlainBrowser();
  let page = await browser.open(url, isEnd);
  while (!isEnd(page.url)) {
    const form = page.forms[0];
    if (form === undefined) throw new Error(`no form at ${page.url.pathname}: ${page.body}`);
    page = await browser.submit(page, form, { fill: form.hasPassword ? PERSON : {}, isEnd });
  }
  const body = new URLSearchParams({
    grant_type: "authorization_code",
    client_id: client,
    code: page.url.searchParams.get("code")!,
    redirect_uri: REDIRECT_URI,
    code_verifier: verifier,
  });
  const answer = await fetch(`${issuer}/token`, { method: "POST", body });
  if (!answer.ok) throw new Error(`no token: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Tokens;
}

/** Ends the app's part of the session (RFC 7009). */
export async function revoke(issuer: string, client: string, tokens: Tokens): Promise<void> {
  const body = new URLSearchParams({ client_id: client, token: tokens.refresh_token });
  const answer = await fetch(`${issuer}/revoke`, { method: "POST", body });
  if (!answer.ok) throw new Error(`not revoked: ${answer.status} ${await answer.text()}`);
}
