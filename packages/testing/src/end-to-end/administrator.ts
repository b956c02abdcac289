import type { Receipt } from "@portcullis/protocol";
import { bearer, exchange, json } from "./exchange.ts";
import type { StackInfo } from "./stack.ts";

export interface RevokeAnswer {
  readonly status: number;
  readonly receipt: Receipt;
  readonly sentAt: number;
  /** When the receipt arrived, on the same clock as `Exchange.answeredAt`. */
  readonly answeredAt: number;
}

/** The `admin` client: a token by client credentials, and `POST /revocations`. */
export class Administrator {
  readonly #info: StackInfo;
  #token: Promise<string> | undefined;

  constructor(info: StackInfo) {
    this.#info = info;
  }

  async revoke(
    target: Record<string, unknown>,
    options: { wait?: number } = { wait: 10 },
  ): Promise<RevokeAnswer> {
    this.#token ??= clientCredentials(this.#info, this.#info.clients.admin);
    const answer = await exchange(this.#info.revocations, {
      headers: {
        ...bearer(await this.#token),
        "content-type": "application/json",
        ...(options.wait !== undefined && { prefer: `wait=${options.wait}` }),
      },
      body: JSON.stringify(target),
    });
    const { status, sentAt, answeredAt } = answer;
    if (status !== 200 && status !== 202) throw new Error(`revoke answered ${status}: ${answer.body}`);
    return { status, receipt: json<Receipt>(answer), sentAt, answeredAt };
  }

  /** After the admin's own token was revoked, or the issuer's keys changed. */
  forgetToken(): void {
    this.#token = undefined;
  }
}

export async function clientCredentials(
  info: StackInfo,
  client: { clientId: string; clientSecret: string; scope: string; resource?: string },
): Promise<string> {
  const encoded = [client.clientId, client.clientSecret].map(encodeURIComponent).join(":");
  const answer = await exchange(await tokenEndpoint(info.issuer), {
    headers: { authorization: `Basic ${Buffer.from(encoded).toString("base64")}` },
    body: new URLSearchParams({
      grant_type: "client_credentials",
      scope: client.scope,
      resource: client.resource ?? info.resource,
    }),
  });
  if (answer.status !== 200) throw new Error(`token endpoint answered ${answer.status}: ${answer.body}`);
  return json<{ access_token: string }>(answer).access_token;
}

async function tokenEndpoint(issuer: string): Promise<string> {
  return discover(issuer).then((document) => document.token_endpoint!);
}

export async function discover(issuer: string): Promise<Record<string, string>> {
  return json<Record<string, string>>(await exchange(`${issuer}/.well-known/openid-configuration`));
}
