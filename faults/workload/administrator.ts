import { Agent } from "node:http";
import { type Receipt, receiptSchema } from "@portcullis/protocol";
import { bearer, exchange, json } from "@portcullis/testing/end-to-end";
import { ADMIN_SCOPES, type Secrets } from "../bed/secrets.ts";
import type { Target, Token } from "../checker/words.ts";
import { mintToken } from "./token-endpoint.ts";

/** How long a call may wait for its receipt: a little longer than a lease. */
const WAIT_SECONDS = 4;
const CALL_MS = 15_000;
const TOKEN_RESERVE_MS = 60_000;

export interface AdministratorOptions {
  readonly issuer: string;
  readonly secrets: Secrets;
}

/** The client that revokes, over the load balancer. */
export class Administrator {
  readonly #options: AdministratorOptions;
  readonly #agent = new Agent({ keepAlive: true });
  #token: Token | undefined;
  #minting: Promise<Token | undefined> | undefined;

  constructor(options: AdministratorOptions) {
    this.#options = options;
  }

  /** The receipt, or undefined: it is not known what became of it. */
  async revoke(target: Target): Promise<Receipt | undefined> {
    const answer = await this.#call("/revocations", {
      headers: { "content-type": "application/json", prefer: `wait=${WAIT_SECONDS}` },
      body: JSON.stringify(target),
    });
    if (answer?.status !== 200 && answer?.status !== 202) return undefined;
    return receiptSchema.parse(json(answer));
  }

  /** The body of a 200, or the status of another answer; undefined: no answer. */
  async read(path: string): Promise<{ status: number; body: unknown } | undefined> {
    const answer = await this.#call(path, {});
    if (answer === undefined) return undefined;
    return { status: answer.status, body: answer.status === 200 ? json(answer) : undefined };
  }

  stop(): void {
    this.#agent.destroy();
  }

  async #call(path: string, options: { headers?: Record<string, string>; body?: string }) {
    const token = await this.#currentToken();
    if (token === undefined) return undefined;
    const answer = await exchange(this.#options.issuer + path, {
      ...options,
      agent: this.#agent,
      timeoutMs: CALL_MS,
      headers: { ...bearer(token.text), ...options.headers },
    }).catch(() => undefined);
    // A server with a wrong clock refuses it; the others still take it, so it is only renewed.
    if (answer?.status === 401 && this.#token === token) this.#token = undefined;
    return answer;
  }

  async #currentToken(): Promise<Token | undefined> {
    if (this.#token !== undefined && this.#token.expiresAt > performance.now() + TOKEN_RESERVE_MS) {
      return this.#token;
    }
    this.#minting ??= this.#mint().finally(() => {
      this.#minting = undefined;
    });
    this.#token = await this.#minting;
    return this.#token;
  }

  #mint(): Promise<Token | undefined> {
    const { issuer, secrets } = this.#options;
    const registration = { clientId: "admin", clientSecret: secrets.admin, scope: ADMIN_SCOPES };
    return mintToken(
      { issuer, agent: this.#agent },
      {
        ...registration,
        resource: `${issuer}/api`,
      },
    );
  }
}
